"""A small lake whose `serving` holds what a test wants: trade of many days, segments of Mondays, a ledger of both."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection
from tests.support.lake.copied import new_lake

from tidegate.lake.comments import keep_comments
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.sql import qualified, rows_relation
from tidegate.ledger.calendar import ProductRow, enter_holds, enter_product
from tidegate.ledger.deliveries import DeliveryRecord, record_deliveries
from tidegate.ledger.publications import Publication, record_publications
from tidegate.outputs.pages.brief import Brief, make_briefs
from tidegate.outputs.pages.weekly import SEGMENTS
from tidegate.publishing.older_logic import OlderModel
from tidegate.window import ONE_DAY, Cadence, Window

Row = dict[str, Any]

MEASURES = {
    "total_orders": "bigint",
    "total_returns": "bigint",
    "units_sold": "bigint",
    "gross_revenue": "decimal(38,4)",
    "returned_amount": "decimal(38,4)",
    "net_revenue": "decimal(38,4)",
    "average_order_value": "decimal(38,4)",
    "total_discount": "decimal(38,4)",
    "unique_customers": "bigint",
    "guest_orders": "bigint",
    "top_category_by_orders": "varchar",
}
MARTS: dict[str, dict[str, str]] = {
    "daily_sales": {"order_date": "date", **MEASURES, "paid_amount": "decimal(38,4)", "unpaid_orders": "bigint"},
    "daily_sales_by_region": {"order_date": "date", "region": "varchar", **MEASURES},
    "daily_sales_by_category": {"order_date": "date", "product_category": "varchar", **MEASURES},
    "orders_daily_summary": {
        "order_date": "date",
        "customer_id": "varchar",
        "total_orders": "bigint",
        "total_returns": "bigint",
        "gross_revenue": "decimal(38,4)",
        "returned_amount": "decimal(38,4)",
        "net_revenue": "decimal(38,4)",
    },
    "customer_rfm": {
        "as_of_date": "date",
        "customer_id": "varchar",
        "recency_days": "integer",
        "frequency": "bigint",
        "monetary": "decimal(38,4)",
        "recency_score": "integer",
        "frequency_score": "integer",
        "monetary_score": "integer",
        "rfm_score": "varchar",
        "segment": "varchar",
        "is_lapsing": "boolean",
        "is_one_time": "boolean",
        "is_high_value": "boolean",
    },
    "segment_summary": {
        "as_of_date": "date",
        "segment": "varchar",
        "customers": "bigint",
        "total_monetary": "decimal(38,4)",
        "mean_monetary": "decimal(38,4)",
        "mean_frequency": "decimal(38,4)",
        "mean_recency_days": "decimal(38,4)",
        "revenue_share_percent": "decimal(38,4)",
    },
}
QUARANTINE = {"_delivered_on": "date", "_region": "varchar", "reasons": "varchar[]"}
DAILY = ("daily_sales", "daily_sales_by_category", "daily_sales_by_region", "orders_daily_summary")
WEEKLY = ("customer_rfm", "segment_summary")
# UTC and naive, as the ledger keeps times.
EARLY = dt.datetime.fromisoformat("2024-07-01 06:00")

MONDAY = dt.date(2024, 6, 3)
BEFORE = MONDAY - 7 * ONE_DAY
SPARSE_MONDAY = MONDAY + 7 * ONE_DAY


def amount(text: str) -> Decimal:
    return Decimal(text).quantize(Decimal("0.0001"))


def day_row(day: dt.date, **figures: Any) -> Row:
    """A day of `daily_sales`: ten orders of 10 each, unless said otherwise."""
    row = dict.fromkeys(MARTS["daily_sales"], 0) | {
        "order_date": day, "total_orders": 10, "total_returns": 1, "units_sold": 12, "gross_revenue": amount("105"),
        "returned_amount": amount("5"), "net_revenue": amount("100"), "average_order_value": amount("10.5"),
        "unique_customers": 8, "guest_orders": 2, "top_category_by_orders": "toys",
    }  # fmt: skip
    return row | figures


def customer_row(customer_id: str, segment: str = "Others", monday: dt.date = MONDAY, **figures: Any) -> Row:
    """A customer of `customer_rfm` of middling scores, unless said otherwise."""
    row = {
        "as_of_date": monday, "customer_id": customer_id, "recency_days": 30, "frequency": 2, "monetary": amount("50"),
        "recency_score": 3, "frequency_score": 3, "monetary_score": 3, "rfm_score": "333", "segment": segment,
        "is_lapsing": False, "is_one_time": False, "is_high_value": False,
    }  # fmt: skip
    return row | figures


def never_bought(customer_id: str, monday: dt.date = MONDAY) -> Row:
    scores = dict.fromkeys(("recency_days", "recency_score", "frequency_score", "monetary_score", "rfm_score"))
    return customer_row(customer_id, "No Purchases", monday, frequency=0, monetary=amount("0"), **scores)


@dataclass
class Shop:
    """Fills `serving` and the ledger; what was put in stays here, to be summed up in another way."""

    con: DuckDBPyConnection
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def serve(self, mart: str, rows: Iterable[Row]) -> None:
        """Add rows to a mart of `serving`."""
        added = list(rows)
        self.rows.setdefault(mart, []).extend(added)
        self._insert("serving", mart, MARTS[mart], added)

    def serve_days(self, days: Iterable[Row]) -> None:
        """Add days of `daily_sales`; the other daily marts are there too, if empty."""
        self.serve("daily_sales", days)
        for mart in ("daily_sales_by_region", "daily_sales_by_category", "orders_daily_summary"):
            self.serve(mart, [])

    def publish_monday(self, customers: Sequence[Row], monday: dt.date = MONDAY) -> None:
        """Publish a Monday with these customers, and the summary that follows from them."""
        self.serve("customer_rfm", customers)
        self.serve("segment_summary", summary_of(customers))
        self.publish(monday, "weekly", WEEKLY)

    def publish(
        self,
        day: dt.date,
        cadence: str,
        marts: Iterable[str],
        content: str = "content",
        at: dt.datetime = EARLY,
        by: str | None = None,
    ) -> None:
        """Enter publications of marts in the ledger; those that stood before are superseded."""
        name = f"{day:%Y%m%d}-{by or content}"
        rows = [Publication(name, day, cadence, mart, "run", "build", 1, 1, content, at, None) for mart in marts]

        self.con.execute(
            f"update ops.publications set superseded_by = '{name}' "
            f"where superseded_by is null and partition_day = date '{day}' and cadence = '{cadence}'"
        )
        record_publications(self.con, rows)

    def tell_the_calendar(self) -> None:
        """Enter the products, as their first publication does, and what the columns of days mean."""
        for name, cadence, marts in (("sales", "daily", DAILY), ("segments", "weekly", WEEKLY)):
            enter_product(self.con, ProductRow(name, cadence, marts, ""), [])
        keep_comments(self.con, {("serving", "daily_sales"): {"net_revenue": "Gross revenue less returned amount."}})

    def hold(self, day: dt.date, reason: str) -> None:
        """Enter why a day is not published."""
        enter_holds(self.con, "sales", Cadence.daily, [day], {day: reason})

    def deliver(self, *deliveries: DeliveryRecord) -> None:
        record_deliveries(self.con, deliveries)

    def quarantine(self, source: str, day: dt.date, *reasons: Sequence[str]) -> None:
        """One quarantined row for each list of reasons."""
        rows = [{"_delivered_on": day, "_region": "eu-west", "reasons": list(why)} for why in reasons]
        self._insert("quarantine", source, QUARANTINE, rows)

    def _insert(self, schema: str, table: str, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
        listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        self.con.execute(f"create table if not exists {qualified(schema, table)} ({listed})")
        values = [[row[name] for name in columns] for row in rows]
        self.con.execute(f"insert into {qualified(schema, table)} {rows_relation(columns, values)}")


def summary_of(customers: Sequence[Row]) -> list[Row]:
    """`segment_summary` of these customers."""
    total = sum(row["monetary"] for row in customers)
    by_segment: dict[str, list[Row]] = {}
    for row in customers:
        by_segment.setdefault(row["segment"], []).append(row)
    return [_segment(name, members, total) for name, members in by_segment.items()]


def _segment(name: str, members: Sequence[Row], total: Decimal) -> Row:
    monetary = sum((row["monetary"] for row in members), Decimal(0))
    recencies = [row["recency_days"] for row in members if row["recency_days"] is not None]
    return {
        "as_of_date": members[0]["as_of_date"],
        "segment": name,
        "customers": len(members),
        "total_monetary": monetary,
        "mean_monetary": monetary / len(members),
        "mean_frequency": Decimal(sum(row["frequency"] for row in members)) / len(members),
        "mean_recency_days": Decimal(sum(recencies)) / len(recencies) if recencies else None,
        "revenue_share_percent": 100 * monetary / total if total else None,
    }


def delivery(day: dt.date, source: str = "orders", region: str = "eu-west", **fields: Any) -> DeliveryRecord:
    """An accepted delivery of ten rows, one of them quarantined, unless said otherwise."""
    values: Row = {
        "source": source, "region": region, "partition_day": day, "fingerprint": f"{source}-{region}-{day}",
        "verdict": "accepted", "reason": None, "contract_version": "1.0.0", "files": 1, "bytes": 100, "archive": "a",
        "rows_read": 10, "rows_loaded": 9, "rows_quarantined": 1, "measures": "{}", "touched": (day,), "run_id": "run",
        "started_at": EARLY, "finished_at": EARLY,
    }  # fmt: skip
    return DeliveryRecord(**(values | fields))


def random_days(window: Window, seed: int = 7) -> list[Row]:
    """Trade that rises and falls over the week, to four decimals."""
    dice = random.Random(seed)
    return [_random_day(day, dice) for day in window.days]


def _random_day(day: dt.date, dice: random.Random) -> Row:
    orders = dice.randrange(80, 120) + 30 * (day.weekday() < 5)
    gross = Decimal(dice.randrange(20_000_000, 60_000_000)).scaleb(-4)
    returned = Decimal(dice.randrange(0, 2_000_000)).scaleb(-4)
    return day_row(
        day, total_orders=orders, total_returns=dice.randrange(9), units_sold=3 * orders, gross_revenue=gross,
        returned_amount=returned, net_revenue=gross - returned, average_order_value=round(gross / orders, 4),
        unique_customers=orders - dice.randrange(20), guest_orders=dice.randrange(20), paid_amount=gross,
        unpaid_orders=dice.randrange(12),
    )  # fmt: skip


def random_customers(count: int, monday: dt.date, seed: int) -> list[Row]:
    """Customers with segments, scores and amounts by chance; every twentieth never bought."""
    dice = random.Random(seed)
    return [_random_customer(f"c-{number:04}", monday, dice) for number in range(count)]


def _random_customer(customer_id: str, monday: dt.date, dice: random.Random) -> Row:
    if dice.random() < 0.05:
        return never_bought(customer_id, monday)
    recency, frequency, monetary = (dice.randrange(1, 6) for _ in range(3))
    days = dice.randrange(1, 365)
    return customer_row(
        customer_id, dice.choice(SEGMENTS[:-1]), monday, recency_days=days, frequency=dice.randrange(1, 40),
        monetary=Decimal(dice.randrange(-1_000_000, 90_000_000)).scaleb(-4), recency_score=recency,
        frequency_score=frequency, monetary_score=monetary, rfm_score=f"{recency}{frequency}{monetary}",
        is_lapsing=days >= 90, is_high_value=monetary == 5,
    )  # fmt: skip


def lake_in(folder: Path, like: LakeConfig | None = None) -> Lake:
    """An empty lake, or what `like` is while nobody has it open."""
    catalog, data = folder / "catalog.sqlite", str(folder / "data")
    config = LakeConfig(f"sqlite:{catalog}", data, 1, "500MB", folder / "spill", patience=30.0)
    return new_lake(config, like)


def all_current(_con: DuckDBPyConnection, _window: Window) -> list[OlderModel]:
    """That nothing stands on older logic."""
    return []


def brief_of(con: DuckDBPyConnection, day: dt.date) -> Brief:
    """The brief of one day."""
    (brief,) = make_briefs(con, [day], all_current)
    return brief
