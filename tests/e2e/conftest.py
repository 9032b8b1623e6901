"""Homes of their own for end-to-end tests."""

from tests.support.parsed import parsed
from tests.support.runs.fixtures import new_home, new_module_home, temporary_home
from tests.support.spark import spark

__all__ = ["new_home", "new_module_home", "parsed", "spark", "temporary_home"]
