"""Models that Spark runs, over Spark Connect, for what is too large for one machine."""
