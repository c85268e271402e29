"""Configuration as one schema: a plain document in, typed options out, every mistake with its path."""
