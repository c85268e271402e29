"""Errors of a host language, and what they mean (`backstay_core.failure` holds the meaning itself)."""
