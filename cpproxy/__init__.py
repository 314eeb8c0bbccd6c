"""cpproxy: records a control plane's HTTP traffic, replays it, and accounts for every call."""

__version__ = "0.1.0"
