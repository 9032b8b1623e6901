"""Metrics of dbt's YAML, asked over published tables: figures beside sums made by hand, and what is refused."""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tidegate.errors import TidegateError
from tidegate.settings import load_settings
from tidegate.transform.metrics import Question, sql_of_metrics
from tidegate.transform.parsed.project import DbtProject

JANUARY, FEBRUARY = dt.date(2024, 1, 31), dt.date(2024, 2, 1)

# Day, region, gross, returned; and of each day, orders. Of a region without rows, no day.
BY_REGION = [
    (JANUARY, "eu-west", Decimal("10.5000"), Decimal("0.5000")),
    (JANUARY, "us-east", Decimal("20.0000"), Decimal("1.0000")),
    (FEBRUARY, "eu-west", Decimal("7.2500"), Decimal("0.0000")),
    (FEBRUARY, "us's", Decimal("1.0000"), Decimal("2.0000")),
]
ORDERS = {JANUARY: 4, FEBRUARY: 0}
# Day, customer, orders: the first bought on both days, the third only returned.
CUSTOMERS = [(JANUARY, "c1", 1), (FEBRUARY, "c1", 2), (JANUARY, "c2", 1), (FEBRUARY, "c3", 0)]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute("create schema serving")
        made.execute(
            "create table serving.daily_sales_by_region (order_date date, region varchar, "
            "gross_revenue decimal(38, 4), returned_amount decimal(38, 4), net_revenue decimal(38, 4))"
        )
        rows = [(*row, row[2] - row[3]) for row in BY_REGION]
        made.executemany("insert into serving.daily_sales_by_region values (?, ?, ?, ?, ?)", rows)
        made.execute(
            "create table serving.daily_sales (order_date date, total_orders bigint, paid_amount decimal(38, 4))"
        )
        made.executemany("insert into serving.daily_sales values (?, ?, 0)", list(ORDERS.items()))
        made.execute(
            "create table serving.orders_daily_summary (order_date date, customer_id varchar, total_orders int)"
        )
        made.executemany("insert into serving.orders_daily_summary values (?, ?, ?)", CUSTOMERS)
        yield made


@pytest.fixture
def manifest(tmp_path: Path) -> dict[str, Any]:
    """The demo's own definitions, for a test to add to."""
    found = DbtProject(load_settings(home=tmp_path)).manifest()
    return copy.deepcopy({name: found[name] for name in ("metrics", "semantic_models")})


def defined(manifest: dict[str, Any], name: str, kind: str, **given: Any) -> None:
    """Add a metric, as dbt's parser writes it down."""
    manifest["metrics"][f"metric.shop.{name}"] = {"name": name, "type": kind, "filter": None, "type_params": given}


def only(text: str) -> Mapping[str, Any]:
    return {"where_filters": [{"where_sql_template": text}]}


def ask(
    con: duckdb.DuckDBPyConnection, manifest: Mapping[str, Any], *metrics: str, **how: Any
) -> list[tuple[Any, ...]]:
    return con.execute(sql_of_metrics(manifest, Question(metrics, **how))).fetchall()


def test_a_sum_by_region_and_month_is_that_of_its_rows(
    con: duckdb.DuckDBPyConnection, manifest: dict[str, Any]
) -> None:
    by_hand: dict[tuple[str, dt.date], Decimal] = defaultdict(Decimal)
    for day, region, gross, returned in BY_REGION:
        by_hand[region, day.replace(day=1)] += gross - returned
    assert ask(con, manifest, "net_revenue", by=("region", "month")) == sorted(
        (*key, figure) for key, figure in by_hand.items()
    )
    assert ask(con, manifest, "net_revenue") == [(sum(by_hand.values()),)]


def test_a_ratio_is_of_sums_and_without_a_denominator_there_is_none(
    con: duckdb.DuckDBPyConnection, manifest: dict[str, Any]
) -> None:
    assert ask(con, manifest, "average_order_value", by=("month",)) == [
        (dt.date(2024, 1, 1), 30.5 / 4),
        (dt.date(2024, 2, 1), None),
    ]
    assert ask(con, manifest, "average_order_value") == [(38.75 / 4,)]


def test_who_came_twice_is_one_customer(con: duckdb.DuckDBPyConnection, manifest: dict[str, Any]) -> None:
    assert ask(con, manifest, "unique_customers") == [(2,)]
    found = ask(con, manifest, "total_orders", "unique_customers", by=("order_date",))
    assert found == [(JANUARY, 4, 2), (FEBRUARY, 0, 1)]


def test_rows_are_chosen_by_sql_and_by_the_filters_of_definitions(
    con: duckdb.DuckDBPyConnection, manifest: dict[str, Any]
) -> None:
    assert ask(con, manifest, "net_revenue", where="region = 'us''s' -- returns only") == [(Decimal(-1),)]
    assert ask(con, manifest, "net_revenue", where="metric_time < '2024-02-01'") == [(Decimal(29),)]
    # As it is in the manifest: {{ Dimension('…') }}.
    measure = {
        "name": "net_revenue",
        "filter": only("{{ Dimension('region_day__region') }} like 'us%'"),
        "fill_nulls_with": 0,
    }
    defined(manifest, "of_us", "simple", measure=measure)
    since = only("{{ TimeDimension('metric_time', 'month') }} >= '2024-01-01'")
    of_both = [{"name": "of_us", "alias": "us"}, {"name": "net_revenue", "alias": "whole", "filter": since}]
    defined(manifest, "share_of_us", "derived", expr="us / nullif(whole, 0)", metrics=of_both)
    assert ask(con, manifest, "of_us", "share_of_us", by=("month",)) == [
        (dt.date(2024, 1, 1), Decimal(19), 19 / 29),
        (dt.date(2024, 2, 1), Decimal(-1), -1 / 6.25),
    ]
    assert ask(con, manifest, "of_us", where="region = 'nowhere'") == [(0,)]
    # A key that one of them lacks is there with the other.
    assert ask(
        con, manifest, "of_us", "net_revenue", by=("region_day__region",), where="metric_time = '2024-02-01'"
    ) == [
        ("eu-west", None, Decimal("7.25")),
        ("us's", Decimal(-1), Decimal(-1)),
    ]


@pytest.mark.parametrize(
    ("aggregation", "figure"),
    [("min", -1), ("max", 19), ("average", 35.25 / 4), ("median", 8.625), ("count", 4), ("percentile", 8.625)],
)
def test_every_aggregation(
    con: duckdb.DuckDBPyConnection, manifest: dict[str, Any], aggregation: str, figure: float
) -> None:
    for model in manifest["semantic_models"].values():
        for measure in model["measures"]:
            measure["agg"] = aggregation
    [(found,)] = ask(con, manifest, "net_revenue")
    assert float(found) == pytest.approx(figure)


@pytest.mark.parametrize(
    ("metrics", "how", "says"),
    [
        (["nothing"], {}, "There is no metric nothing. There are: average_order_value, "),
        (
            ["unique_customers"],
            {"by": ("region",)},
            "customer_days has no region to group or choose by. It has: order_date",
        ),
        (["net_revenue"], {"by": ("region__month",)}, "has no region__month"),
        (["net_revenue"], {"by": ("month", "month")}, "each thing to group by once"),
        (["net_revenue"], {"by": ("net_revenue",)}, "none that is called as a metric"),
        (["net_revenue"], {"where": "{{ Metric('x') }} > 1"}, "a reference that tidegate query does not read"),
        (
            ["running"],
            {},
            "running is a cumulative metric, which tidegate query does not work out; dbt's MetricFlow does",
        ),
        (["before"], {}, "takes net_revenue of another time"),
        (["circle"], {}, "made of itself: circle → circle"),
    ],
)
def test_what_it_cannot_work_out_is_refused_by_name(
    manifest: dict[str, Any], metrics: list[str], how: dict[str, Any], says: str
) -> None:
    defined(manifest, "running", "cumulative", measure={"name": "net_revenue"})
    shifted = {"name": "net_revenue", "alias": "then", "offset_window": {"count": 1, "granularity": "day"}}
    defined(manifest, "before", "derived", expr="then", metrics=[shifted])
    defined(manifest, "circle", "derived", expr="circle", metrics=[{"name": "circle", "alias": None}])
    with pytest.raises(TidegateError, match=re.escape(says)):
        sql_of_metrics(manifest, Question(tuple(metrics), **how))
