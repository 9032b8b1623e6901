"""What a user's asset reads by: published tables of the run's partition, and the figures of the ledger about them."""

from __future__ import annotations

import dagster as dg
from duckdb import DuckDBPyConnection, DuckDBPyRelation
from pydantic import Field, PrivateAttr

from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.lake.reading.tables import SERVING
from tidegate.lake.sql import CATALOG, in_window, qualified
from tidegate.ledger.publications import Publication, newest_publications
from tidegate.orchestration.own.current import current_home, home_at
from tidegate.orchestration.partitions import keys_of_tags
from tidegate.publishing.requirements import GateRequirements
from tidegate.reading import connection_of
from tidegate.window import Cadence, Window


class TidegateResource(dg.ConfigurableResource[None]):
    """Published tables and the ledger, read-only. Tidegate gives it to your assets under the name `tidegate`."""

    home: str = Field("", description="Folder of the home; by default the one that these definitions are of.")
    _con: DuckDBPyConnection | None = PrivateAttr(default=None)

    @property
    def connection(self) -> DuckDBPyConnection:
        """A DuckDB connection on which published marts are found by name. It is closed when the step ends."""
        if self._con is None:
            self._con = connection_of(self._home.settings)
        return self._con

    def published(self, mart: str, context: dg.AssetExecutionContext | None = None) -> DuckDBPyRelation:
        """What is published of a mart: of the partitions of this step, and all of it without a `context`.

        A relation of DuckDB: `.df()`, `.pl()`, `.arrow()`, `.filter(...)`. Raises TidegateError for what is no mart.
        """
        _, column = _cadence_and_day_column(self._home, mart)
        table = f"from {qualified(CATALOG, SERVING, mart)}"
        if context is None:
            return self.connection.sql(table)
        return self.connection.sql(f"{table} where {in_window(column, _days_of(context))}")

    def publications(self, mart: str, context: dg.AssetExecutionContext) -> list[Publication]:
        """The ledger's figures about what is published of a mart on the partitions of this step: rows, content hash,
        when, and by which run."""
        cadence, _ = _cadence_and_day_column(self._home, mart)
        partitions = cadence.among(_days_of(context))
        return [each for each in newest_publications(self.connection, partitions) if each.mart == mart]

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._con is not None:
            self._con.close()
            self._con = None

    @property
    def _home(self) -> Home:
        return home_at(self.home) if self.home else current_home()


def products_named(home: Home, product: str, cadence: Cadence) -> GateRequirements:
    """What a product is made of. Raises TidegateError where there is none of this name and cadence."""
    found = {each.product: each for each in home.products_of(cadence)}
    if product not in found:
        raise TidegateError(f"There is no {cadence} product {product}. Known: {', '.join(sorted(found)) or 'none'}.")
    return found[product]


def _cadence_and_day_column(home: Home, mart: str) -> tuple[Cadence, str]:
    marts = {each.name: (product.cadence, each.day_column) for product in home.products for each in product.marts}
    if mart not in marts:
        raise TidegateError(
            f"There is no mart {mart}, so nothing of it is published. Known: {', '.join(sorted(marts))}."
        )
    return marts[mart]


def _days_of(context: dg.AssetExecutionContext) -> Window:
    """From the first partition of a step to the last."""
    keys = keys_of_tags(context.run.tags)
    if keys is None:
        raise TidegateError(
            f"{context.asset_key.to_user_string()} runs without a partition, so it is about no day. Give the asset "
            "partitions_def=daily_partitions(), or leave out the context to read all days."
        )
    return Window.of_keys(*keys)
