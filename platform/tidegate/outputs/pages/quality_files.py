"""The one page of everything: `reports/quality.html`, with its figures as JSON; the index is written again with it.

It is due whenever a delivery, a publication or what is held changes, or a deadline passes, so a day that is held and
makes no page of its own is in it, and in the index, all the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.lease import lease
from tidegate.ledger.contents import Kind
from tidegate.ledger.made_of import Reads
from tidegate.outputs.making import Made, Unmade
from tidegate.outputs.pages.clock import CLOCK
from tidegate.outputs.pages.files import ANY_DAY, FOLDER, renew_index
from tidegate.outputs.pages.over_time import DAYS, Expected
from tidegate.publishing.due.made_of import Ingredient, OutputKind
from tidegate.publishing.due.outputs import Output
from tidegate.publishing.requirements import GateRequirements
from tidegate.storage.files import Storage, write
from tidegate.window import Cadence, Length

QUALITY = f"{FOLDER}/quality"
PAGE = f"{QUALITY}.html"
JSON = f"{QUALITY}.json"
REVISION = 1

# Days after the newest published one: nobody publishes nothing for a year and has the page made.
DAYS_AHEAD = 366

# Of older days nobody minds that the index says a day later that they are held.
DAYS_IN_THE_INDEX = 3660


@dataclass(frozen=True)
class QualityPages:
    """Makes the page. `expected` is asked for when it is made, as contracts need not be read before."""

    products: tuple[GateRequirements, ...]
    expected: Callable[[], Expected]

    @cached_property
    def kind(self) -> OutputKind:
        marts = [mart.name for product in self.products for mart in product.marts if product.cadence == Cadence.daily]
        return OutputKind(
            QUALITY,
            Cadence.daily,
            (Ingredient(tuple(sorted(marts)), Cadence.daily, needed=False),),
            revision=REVISION,
            is_one=True,
            watches=tuple(_watched(product.product for product in self.products)),
        )

    def lease(self, config: LakeConfig, days: Collection[dt.date], run_id: str) -> AbstractContextManager[None]:
        return lease(config, FOLDER, [ANY_DAY], run_id)

    def make(self, lake: Lake, store: Storage, wanted: Sequence[Output], run_id: str) -> Iterator[Made | Unmade]:
        if not wanted:
            return
        # Drawing takes a second to import.
        from tidegate.outputs.pages.over_time import read_over_time
        from tidegate.outputs.pages.quality_page import make_quality_page

        page = make_quality_page(read_over_time(lake.con, self.expected(), dt.datetime.now(dt.UTC)))
        write(store, {JSON: page.json.encode(), PAGE: page.html.encode()})
        renew_index(lake.con, store)
        location = store.address(PAGE)
        yield from (Made(output.day, location, {"page": location}) for output in wanted)


def _watched(products: Iterable[str]) -> Iterator[Reads]:
    ahead = Length(days=DAYS_AHEAD)
    yield from (Reads(Kind.report, subject, DAYS - 1, ahead) for subject in ("", CLOCK))
    yield from (Reads(Kind.hold, product, DAYS_IN_THE_INDEX, ahead) for product in sorted(set(products)))
