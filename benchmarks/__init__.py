"""Benchmarks of Backstay, each a ratio to something written by hand (see docs/performance.md)."""
