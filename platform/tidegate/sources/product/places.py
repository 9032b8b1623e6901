"""Where another home is, as variables of the environment say."""

from __future__ import annotations

from pathlib import Path

from tidegate.contract.product import ProductServer
from tidegate.errors import SourceDownError, TidegateError
from tidegate.lake.config import LakeConfig, of_another_home
from tidegate.sources.origin import Outside
from tidegate.sources.product.exports import ExportsOfMart
from tidegate.sources.product.lake import LakeOfMart
from tidegate.sources.product.source import ProductOrigin
from tidegate.storage.places import storage_at


def product_origin(region: str, server: ProductServer, outside: Outside) -> ProductOrigin:
    """Raises TidegateError for a variable that is not set, or that names no place."""
    if server.exports_variable is None:
        lake = _lake(server, outside)
        return ProductOrigin(region, lake, lake)
    states = _lake(server, outside) if server.catalog_variable else None
    root = outside.variable(server.exports_variable, "where the other home's outputs are (its TIDEGATE_OUTPUTS)")
    storage = storage_at(root.strip(), f"${server.exports_variable}", outside.s3_client, SourceDownError, confined=True)
    return ProductOrigin(region, ExportsOfMart(storage, server.exports_variable, server.mart), states)


def _lake(server: ProductServer, outside: Outside) -> LakeOfMart:
    variable = str(server.catalog_variable)
    catalog = outside.variable(variable, "where the other home's catalog is (its TIDEGATE_LAKE_CATALOG)").strip()
    data = _data_beside(catalog, variable)
    if server.data_variable:
        data = outside.variable(server.data_variable, "where the other home's data is (its TIDEGATE_LAKE_DATA)").strip()
    if data is None:
        raise TidegateError(
            f"{variable} names a catalog in Postgres, and the contract does not say where the data of that lake is. "
            "Nothing was changed. Write the name of a variable that does as its custom property 'dataVariable'."
        )

    def config(scratch: Path) -> LakeConfig:
        return of_another_home(catalog, data, scratch)

    return LakeOfMart(config, variable, server.mart, server.day_column)


def _data_beside(catalog: str, variable: str) -> str | None:
    """Where a home of one machine has its data: beside the file of its catalog."""
    if catalog.startswith("postgres:"):
        return None
    if not catalog.startswith("sqlite:"):
        raise TidegateError(
            f"The environment variable {variable} names no catalog: it must be sqlite:<file> or postgres:<libpq "
            "settings>, as TIDEGATE_LAKE_CATALOG of the other home. Nothing was changed. Correct it, and run again."
        )
    return str(Path(catalog.removeprefix("sqlite:")).with_name("data"))
