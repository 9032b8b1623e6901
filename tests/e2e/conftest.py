"""Homes of their own for end-to-end tests."""

from tests.support.parsed import parsed
from tests.support.runs.fixtures import new_home, new_module_home, temporary_home

__all__ = ["new_home", "new_module_home", "parsed", "temporary_home"]
