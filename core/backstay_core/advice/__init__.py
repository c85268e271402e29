"""About a policy before it runs: what it can cost at worst, what is risky in it, and what it does, in words."""
