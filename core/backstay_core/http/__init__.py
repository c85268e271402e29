"""What HTTP and gRPC say about deadlines and about sending again; no client and no server."""
