"""Deliveries that somebody's Python function makes, in a process of its own."""
