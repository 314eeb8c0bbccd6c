"""What the finder of secrets finds and what it takes for one, in figures: `python -m tests.measures` prints them."""
