"""Which partitions are due, whether their gate is open, publishing them together, and rolling back."""
