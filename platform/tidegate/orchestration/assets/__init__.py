"""The assets of each layer and their checks, and what their steps record day by day."""
