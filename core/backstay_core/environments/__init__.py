"""Where a program runs: kinds of runtime environments, what they can do, how to tell, and the contract of adapters."""
