"""Lets `python -m cpproxy` stand for the `cpproxy` command."""

from cpproxy.cli.main import main

main()
