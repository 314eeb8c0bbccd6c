"""Compose files: read, interpolated, extended and merged as compose does it, without starting anything."""
