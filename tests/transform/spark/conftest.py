"""A Spark for tests that ask no particular one."""

from tests.support.spark import spark

__all__ = ["spark"]
