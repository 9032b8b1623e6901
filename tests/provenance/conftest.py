from tests.support.runs.crowds import crowd, old

__all__ = ["crowd", "old"]
