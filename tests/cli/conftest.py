"""Homes of their own for commands."""

from __future__ import annotations

from tests.support.parsed import parsed
from tests.support.runs.fixtures import new_module_home

__all__ = ["new_module_home", "parsed"]
