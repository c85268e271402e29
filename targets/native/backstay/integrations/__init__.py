"""Policies under other libraries: HTTP clients, gRPC, AWS, ASGI servers.

Each module imports its library, and nothing imports the modules but whoever uses them.
"""
