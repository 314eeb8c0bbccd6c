"""Secrets planted by the hundred, and a search for them in everything that a run leaves."""
