"""The dbt project, parsed."""

from tests.support.parsed import parsed

__all__ = ["parsed"]
