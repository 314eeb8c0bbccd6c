"""Cassettes and config on disk."""
