"""What is to be known about recordings before they are trusted: lint, and what two of them teach."""
