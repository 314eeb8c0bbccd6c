"""What a secret is, and what stands for it: the one place that says so for everything that leaves memory."""
