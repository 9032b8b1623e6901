"""A plan as it was built and compared, with hostile texts wherever data or an error may put one."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from tidegate.changes.compare import ColumnDifference, MartDifference, RowDifferences
from tidegate.changes.cost import Cost
from tidegate.changes.figures import DayFigure, Figure
from tidegate.changes.plan import Planned
from tidegate.ledger.entries import utc_now
from tidegate.ledger.plans import Plan
from tidegate.window import Cadence, Window

DAYS = Window(dt.date(2024, 1, 1), dt.date(2024, 1, 21)).days
HOSTILE = "<img src=x onerror=alert(1)> [link](https://elsewhere.example) | @owner `code` *bold*"

PLAN = Plan("1", "tester", utc_now(), '{"sales": "abc"}', (), "plan_1_", "{}", None, None)
FIGURE = Figure("net_revenue", [DayFigure(day, Decimal("100.00"), Decimal("90.50")) for day in DAYS])
ROWS = RowDifferences(
    ("order_date", "category"),
    added=1,
    removed=2,
    changed=20,
    columns=[ColumnDifference("net_revenue", 20, Decimal("-190.00")), ColumnDifference("name", 1, None)],
    samples=[(f"2024-01-01, {HOSTILE}", "name", HOSTILE, None)],
)
MART = MartDifference("sales", Cadence.daily, 25, 0, DAYS, rows=ROWS, figures=[FIGURE])
PLANNED = Planned(
    PLAN,
    {Cadence.daily: DAYS},
    [MART],
    {f"marts/sales: the check adds_up failed: {HOSTILE}": DAYS[:1]},
    [],
    Cost({Cadence.daily: 20}, rows=1_234_567, seconds=240.0, bytes=12_300_000),
)
