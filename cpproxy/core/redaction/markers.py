"""Placeholders: what stands in a file for a secret."""

import re

MARKER = "{{cpproxy:"
"""How every placeholder in a file begins."""


PLACEHOLDER = re.compile(r"\{\{cpproxy:([^:{}]+):(\d+)\}\}")
"""A placeholder in a text: its role and its number."""
