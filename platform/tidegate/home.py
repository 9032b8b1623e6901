"""Everything of one Tidegate home put together: settings, contracts, dbt project, lake, and what its gate requires.

Only putting together belongs here; each part's own work is in its package.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from tidegate.contract.judging.assess import rule_groups
from tidegate.contract.kept import contracts_of
from tidegate.contract.model import Contract
from tidegate.errors import TidegateError
from tidegate.intake.columns import RAW_EXTRAS
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.trouble import is_of_engine
from tidegate.ledger.names import raw_asset
from tidegate.ledger.upkeep.opening import open_lake
from tidegate.outputs.exports import Exports
from tidegate.outputs.making import Maker
from tidegate.outputs.pages import daily
from tidegate.outputs.pages.files import briefs, reports
from tidegate.outputs.pages.origin import Origin, read_origins
from tidegate.outputs.pages.over_time import Expected
from tidegate.outputs.pages.quality_files import QualityPages
from tidegate.outputs.place import outputs_at
from tidegate.publishing.due.made_of import DaysBehind
from tidegate.publishing.older_logic import OlderModel, older_models
from tidegate.publishing.requirements import GateRequirements, together
from tidegate.settings import Settings
from tidegate.sources.origin import Outside
from tidegate.storage.files import Storage
from tidegate.transform.parsed.delivered import refuse_what_nobody_fills
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.products import Product, products_of
from tidegate.transform.parsed.project import DbtProject
from tidegate.transform.parsed.published import refuse_candidates
from tidegate.window import Cadence, Window

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from tidegate.storage.s3 import S3Client


@dataclass
class Home:
    """One home. Parts are made when first asked for, then kept: a start pays for what it uses."""

    settings: Settings
    # Whether it is only looked at, so that its lake may not be written.
    read_only: bool = False
    _lake: Lake | None = None
    _lake_in_use: threading.RLock = field(default_factory=threading.RLock)
    _lake_is_used: bool = False
    _s3_client: S3Client | None = None
    _s3_in_use: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def contracts(self) -> dict[str, Contract]:
        settings = self.settings
        kept = settings.scratch / "contracts.pickle"
        return contracts_of(settings.contracts, settings.zone, kept, may_keep=not self.read_only)

    @property
    def has_open_day(self) -> bool:
        """Whether the day that has not ended yet is a partition: a source is read while it goes on."""
        return any(contract.intraday for contract in self.contracts.values())

    @cached_property
    def dbt(self) -> DbtProject:
        project = DbtProject(self.settings, contracts=lambda: self.contracts)
        project.prepare()
        return project

    @cached_property
    def graph(self) -> Graph:
        graph = Graph(self.dbt.manifest())
        delivered = {
            name: [*(column.name for column in contract.columns), *RAW_EXTRAS]
            for name, contract in self.contracts.items()
        }
        refuse_what_nobody_fills(graph, delivered, self.settings.contracts)
        refuse_candidates(graph)
        _ = graph.promises
        return graph

    @cached_property
    def outside(self) -> Outside:
        return Outside(self.settings.landing, self.settings.archive, s3_client=self.s3_client)

    @cached_property
    def outputs(self) -> Storage:
        """Where exports and pages go."""
        return outputs_at(self.settings.outputs, self.s3_client)

    @cached_property
    def makers(self) -> tuple[Maker, ...]:
        """What makes each kind of output. Pages are made of Tidegate's own marts, where a project has them."""
        exports = [
            Exports(mart, product.cadence, self.settings.csv_defuse_formulas)
            for product in self.products
            for mart in product.marts
        ]
        marts = {maker.mart.name for maker in exports}
        pages = [pages for pages in (briefs(self._older_logic, self._origins), reports()) if pages.kind.marts <= marts]
        # Last: the index has what was made before it.
        return (*exports, *pages, QualityPages(self.products, lambda: self.expected))

    @property
    def expected(self) -> Expected:
        """What is to be delivered, and when."""
        return Expected(self.contracts, self.settings.start_date, self.settings.zone)

    def _older_logic(self, con: DuckDBPyConnection, window: Window) -> list[OlderModel]:
        return older_models(con, self.products_of(window.cadence), self.dbt.logic(), window)

    def _origins(self, con: DuckDBPyConnection, days: Sequence[dt.date]) -> dict[dt.date, Origin]:
        """What briefs say that their days are made of."""
        mart = daily.MARTS[0]
        product = next(product for product in self.products_of(Cadence.daily) if mart in product.names)
        return read_origins(con, product, mart, days)

    def makers_of(self, cadence: Cadence) -> list[Maker]:
        return [maker for maker in self.makers if maker.kind.cadence == cadence]

    def s3_client(self) -> S3Client:
        """The client for S3: endpoint, region and credentials as any AWS tool finds them, in the environment, a
        profile or a role. Importing what makes it takes a second."""
        with self._s3_in_use:
            if self._s3_client is None:
                from tidegate.storage.s3_client import new_s3_client

                self._s3_client = new_s3_client()
            return self._s3_client

    @cached_property
    def lake_config(self) -> LakeConfig:
        return LakeConfig.of(self.settings)

    @contextmanager
    def lake(self) -> Iterator[Lake]:
        """This process's connection to the lake, for one user at a time. Opening one takes 0.1 s, so it is kept, unless
        the engine failed: where a database goes away in the middle, DuckDB may answer nothing ever after."""
        with self._lake_in_use:
            if self._lake is None:
                self._lake = open_lake(self.lake_config, self.read_only)
            is_within = self._lake_is_used
            self._lake_is_used = True
            try:
                yield self._lake
            except Exception as error:
                if not is_within and is_of_engine(error):
                    self.close()
                raise
            finally:
                self._lake_is_used = is_within

    def close(self) -> None:
        """Give up the connection; the next `lake()` opens another."""
        with self._lake_in_use:
            if self._lake is not None:
                self._lake.close()
                self._lake = None

    @cached_property
    def cadences(self) -> tuple[Cadence, ...]:
        """The cadences that the project has marts of. Raises TidegateError where none is of days."""
        found = tuple(cadence for cadence in Cadence if self.products_of(cadence))
        if Cadence.daily not in found:
            raise TidegateError(
                f"The dbt project in {self.settings.dbt_project} has no mart of days: nothing could be published. "
                "Make an incremental model in the schema marts, with config: {meta: {tidegate: {day: <column>}}}."
            )
        return found

    @property
    def longer_cadences(self) -> tuple[Cadence, ...]:
        """Those of them whose partitions are made of published days."""
        return tuple(cadence for cadence in self.cadences if cadence is not Cadence.daily)

    def products_of(self, cadence: Cadence) -> tuple[GateRequirements, ...]:
        """What each product needs before its marts of a partition are published."""
        return self._products[cadence]

    @property
    def products(self) -> tuple[GateRequirements, ...]:
        """Those of all cadences, days first."""
        return tuple(product for cadence in Cadence for product in self.products_of(cadence))

    @cached_property
    def _products(self) -> dict[Cadence, tuple[GateRequirements, ...]]:
        return {
            cadence: tuple(self._requirements(product, cadence) for product in products_of(self.graph, cadence))
            for cadence in Cadence
        }

    def requirements_of(self, cadence: Cadence) -> GateRequirements:
        """What all products of a cadence need, taken together."""
        products = self.products_of(cadence)
        nothing = GateRequirements(frozenset(), frozenset(), frozenset(), (), cadence)
        return together(products) if products else nothing

    def all_are_made_of(self, source: str) -> bool:
        """Whether every product of days needs the source."""
        return all(product.are_made_of(source) for product in self.products_of(Cadence.daily))

    def products_made_of(self, source: str) -> GateRequirements | None:
        """What the products need, taken together, that are made of a source; None where none is."""
        products = [product for product in self.products_of(Cadence.daily) if product.are_made_of(source)]
        return together(products) if products else None

    @cached_property
    def published_marts(self) -> frozenset[tuple[str, Cadence]]:
        """The marts, by name and cadence, that the project publishes."""
        return frozenset((mart.name, product.cadence) for product in self.products for mart in product.marts)

    def _requirements(self, product: Product, cadence: Cadence) -> GateRequirements:
        """What must hold before a partition of the product is published: every source behind it delivered, every model
        built, every blocking check passed."""
        sources = [contract for name, contract in sorted(self.contracts.items()) if name in product.sources]
        return GateRequirements(
            deliveries=frozenset((c.source, region.name) for c in sources for region in c.regions),
            models=product.models,
            blocking_checks=product.blocking_checks | frozenset(_blocking_raw_checks(sources)),
            marts=product.marts,
            cadence=cadence,
            delivery_days={(c.source, region.name): region.delivers_on for c in sources for region in c.regions},
            starts=cadence.about(self.settings.start_date),
            reach=product.reach if cadence is Cadence.daily else 0,
            product=product.name,
            beside=product.beside,
            behind=product.behind,
            read_back=product.read_back,
            seeds=product.seeds,
            promise=product.promise,
            zone=self.settings.zone,
        )

    def days_behind(self, cadence: Cadence) -> DaysBehind:
        """What of the days marts of the cadence are made of."""
        behind = self.requirements_of(cadence).behind
        return behind or DaysBehind(cadence, frozenset(), frozenset(), 0)


def _blocking_raw_checks(contracts: list[Contract]) -> Iterator[tuple[str, str]]:
    for contract in contracts:
        blocking = [group for group in rule_groups(contract) if group.blocking]
        for region in contract.regions:
            yield from ((raw_asset(contract.source, region.name), group.name) for group in blocking)
