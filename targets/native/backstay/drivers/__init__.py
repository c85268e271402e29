"""Carry out what the step machine asks for: in threads, and in an event loop."""
