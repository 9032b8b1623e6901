"""Tidegate side by side with what one would pick instead: `python -m benchmarks`. See docs/benchmarks.md."""
