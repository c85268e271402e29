"""One module a strategy: options, state, transitions, numbered rules."""
