"""Which product of another home is read, and where, as plain values. `sources.product` reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ProductServer:
    """A mart that another home publishes. Variables of the environment say where that home's outputs, or its lake, are.

    Rows come from the exports where `exports_variable` is named, and otherwise from the lake, where `day_column` is the
    mart's day. A lake beside exports only says why a day is not there.
    """

    mart: str
    exports_variable: str | None = None
    catalog_variable: str | None = None
    data_variable: str | None = None
    day_column: str | None = None

    @property
    def address(self) -> str:
        return f"${self.exports_variable or self.catalog_variable}: {self.mart}"

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that it needs."""
        return tuple(filter(None, (self.exports_variable, self.catalog_variable, self.data_variable)))
