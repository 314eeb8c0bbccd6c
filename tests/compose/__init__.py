"""The compose harness, run for real: an engine of the tests' own, stand-ins for what a registry would give."""
