"""Models in Python: what they read, how they are called, and how what they return becomes rows of the window."""
