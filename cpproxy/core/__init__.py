"""The pure heart: asked with values, answers with values; no sockets, files, clock, randomness or logging."""
