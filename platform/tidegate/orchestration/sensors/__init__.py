"""The sensors: arrivals, due partitions and outputs, and runs whose process died."""
