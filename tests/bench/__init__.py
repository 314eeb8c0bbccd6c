"""Benchmarks of cpproxy beside a plain application, nginx and the peers; run as `python -m tests.bench`."""
