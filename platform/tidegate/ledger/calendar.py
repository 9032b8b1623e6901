"""`serving.calendar`: the state of each product's partitions, a view that consumers read beside the marts.

Three tables of the ledger are behind it, and `ops.publications`: `ops.products` says which marts each product has,
`ops.calendar` which of its partitions are required and when each is promised, `ops.holds` why one is held. Which rows
these are is decided in `publishing.calendar`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import CATALOG, literal, on_days, rows_relation, sql_file
from tidegate.ledger.contents import GONE, Content, Kind, enter_contents
from tidegate.ledger.entries import insert_entries, utc_now, without_nul
from tidegate.ledger.schema import LEDGER
from tidegate.window import Cadence

# No mart can have it: in `serving` it is this view's.
NAME = "calendar"

ABOUT = " ".join(
    (
        "The state of each product's partitions: product, cadence and partition_day name one (a day, or the Monday or",
        "month by its first day). state: published; so far (of a day that goes on, or was not read to its end yet);",
        "held (delivered, but something behind it is bad); overdue (not published by its deadline); awaited; not",
        "required (no source delivers). reason: why, in words; of a published one, that it was rolled back or that a",
        "newer one is held. publication_id: what it shows; content_from: the publication that brought this content",
        "first. published_at: for the first time; restated_at: when its content changed last, null where it never did;",
        "restatements: how often. content_hash: over all its marts. deadline: until when it is promised; is_late: that",
        "has passed. marts: those that are published. All times are UTC.",
    )
)


@dataclass(frozen=True)
class ProductRow:
    """A product as the calendar knows it; `terms` is a hash over what its partitions' rows are made of."""

    product: str
    cadence: str
    marts: tuple[str, ...]
    terms: str


@dataclass(frozen=True)
class CalendarRow:
    """A partition: whether anything delivers for it, and from when on it is awaited and until when (UTC, naive)."""

    partition_day: dt.date
    is_required: bool
    begins_at: dt.datetime
    deadline: dt.datetime | None


@dataclass(frozen=True)
class HoldRow:
    """Why a partition is not published in its newest state."""

    product: str
    cadence: str
    partition_day: dt.date
    reason: str
    entered_at: dt.datetime


def make_calendar_view(con: DuckDBPyConnection) -> None:
    """Have `serving.calendar`, as this version says it."""
    taken = con.execute(
        f"select 1 from duckdb_tables() where database_name = {literal(CATALOG)} and schema_name = 'serving' "
        f"and table_name = {literal(NAME)}"
    ).fetchone()
    if taken:
        # A mart of an older project. Projects that have one are refused by now.
        return
    con.execute(f"create or replace view serving.{NAME} as {sql_file('tidegate.ledger', 'calendar.sql')}")
    con.execute(f"comment on view serving.{NAME} is {literal(ABOUT)}")


def known_products(con: DuckDBPyConnection) -> dict[tuple[str, str], ProductRow]:
    """The products by name and cadence."""
    rows = con.execute("select product, cadence, marts, terms from ops.products").fetchall()
    return {(name, cadence): ProductRow(name, cadence, tuple(marts), terms) for name, cadence, marts, terms in rows}


def enter_product(con: DuckDBPyConnection, product: ProductRow, partitions: Sequence[CalendarRow]) -> None:
    """Enter a product and its partitions in place of what was known of it."""
    of_product = f"product = {literal(product.product)} and cadence = {literal(product.cadence)}"
    for table in ("products", "calendar"):
        con.execute(f"delete from ops.{table} where {of_product}")
    insert_entries(con, "products", [product])
    _insert_partitions(con, product, partitions)


def _insert_partitions(con: DuckDBPyConnection, product: ProductRow, partitions: Sequence[CalendarRow]) -> None:
    names = [field.name for field in fields(CalendarRow)]
    rows = rows_relation(
        {name: LEDGER["calendar"][name] for name in names},
        [[getattr(row, name) for name in names] for row in partitions],
    )
    con.execute(
        "insert into ops.calendar by name "
        f"select {literal(product.product)} as product, {literal(product.cadence)} as cadence, * from ({rows})"
    )


def forget_products(con: DuckDBPyConnection, names: Collection[tuple[str, str]]) -> None:
    """Forget products, by name and cadence, that there are no more."""
    for product, cadence in names:
        for table in ("products", "calendar", "holds"):
            con.execute(f"delete from ops.{table} where product = {literal(product)} and cadence = {literal(cadence)}")


def forget_marts(con: DuckDBPyConnection, marts: Sequence[str]) -> None:
    """Forget marts that left `serving`, and the products that had no others."""
    gone = f"{literal(list(marts))}::varchar[]"
    con.execute(
        f"update ops.products set terms = '', marts = list_filter(marts, lambda mart: not list_contains({gone}, mart)) "
        f"where list_has_any(marts, {gone})"
    )
    rows = con.execute("select product, cadence from ops.products where len(marts) = 0").fetchall()
    forget_products(con, rows)


Held = Mapping[dt.date, str]


def enter_holds(con: DuckDBPyConnection, product: str, cadence: Cadence, days: Iterable[dt.date], held: Held) -> bool:
    """Enter why those of `days` that are in `held` are held, and that the others are not; whether that was news."""
    concerned = sorted(set(days))
    if not concerned:
        return False
    inside = f"product = {literal(product)} and cadence = {literal(cadence)} and {on_days('partition_day', concerned)}"
    known = dict(con.execute(f"select partition_day, reason from ops.holds where {inside}").fetchall())
    wanted = {day: without_nul(held[day]) for day in concerned if day in held}
    if known == wanted:
        return False
    changed = [day for day in known.keys() | wanted.keys() if known.get(day) != wanted.get(day)]
    con.execute(f"delete from ops.holds where {inside} and {on_days('partition_day', changed)}")
    now = utc_now()
    insert_entries(
        con, "holds", [HoldRow(product, cadence, day, wanted[day], now) for day in sorted(changed) if day in wanted]
    )
    enter_contents(con, [_as_content(product, cadence, day, wanted.get(day), now) for day in sorted(changed)])
    return True


def _as_content(product: str, cadence: Cadence, day: dt.date, why: str | None, now: dt.datetime) -> Content:
    """So that a page which says what is held is made again."""
    content = GONE if why is None else hashlib.md5(why.encode(), usedforsecurity=False).hexdigest()
    return Content(Kind.hold, product, f"{cadence} {product}", day, content, now, NAME)


def known_holds(con: DuckDBPyConnection) -> dict[tuple[str, str], dict[dt.date, str]]:
    """What is entered as held, by product and cadence."""
    found: dict[tuple[str, str], dict[dt.date, str]] = {}
    for product, cadence, day, reason in con.execute(
        "select product, cadence, partition_day, reason from ops.holds"
    ).fetchall():
        found.setdefault((product, cadence), {})[day] = reason
    return found
