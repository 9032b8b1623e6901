"""customer_rfm by the definitions of the mart, from the lines of UCI Online Retail, in pandas and one Monday at a time.

Written without a look at the models, to be compared with them. It reads the file itself and nothing of Tidegate.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

COLUMNS = [
    "customer_id", "recency_days", "frequency", "monetary", "recency_score", "frequency_score", "monetary_score",
    "rfm_score", "segment", "is_lapsing", "is_one_time", "is_high_value",
]  # fmt: skip

SCORED = ["recency_days", "recency_score", "frequency_score", "monetary_score"]


def read_lines(file: Path) -> pd.DataFrame:
    """The lines of registered customers: customer, order, day, quantity and exact amount."""
    source = duckdb.read_parquet(str(file)).df()
    lines = pd.DataFrame(
        {
            "customer": pd.to_numeric(source["CustomerID"]),
            "order": source["InvoiceNo"].astype(str),
            "day": pd.to_datetime(source["InvoiceDate"]).dt.date,
            "quantity": pd.to_numeric(source["Quantity"]),
            "price": source["UnitPrice"].astype(str).map(Decimal),
        }
    )
    lines = lines[lines["customer"].notna() & (lines["quantity"] != 0)].copy()
    lines["customer"] = lines["customer"].astype(int).astype(str)
    lines["amount"] = [int(q) * price for q, price in zip(lines["quantity"], lines["price"], strict=True)]
    return lines


def rfm(lines: pd.DataFrame, as_of: dt.date, since: dt.date = dt.date.min) -> pd.DataFrame:
    """One row per customer of the newest snapshot before `as_of`, sorted by customer, with `COLUMNS`; made of the lines
    since a day."""
    # The shop's snapshot of a day lists whoever had a line until then.
    customers = sorted(set(lines.loc[lines["day"] < as_of, "customer"]))
    first = max(as_of - dt.timedelta(days=365), since)
    window = lines[(lines["day"] >= first) & (lines["day"] < as_of)]
    sales = window[window["quantity"] > 0].groupby("customer")
    figures = pd.DataFrame(index=pd.Index(customers))
    figures["last_sale"] = sales["day"].max()
    figures["frequency"] = sales["order"].nunique().reindex(figures.index, fill_value=0)
    spent = window.groupby("customer")["amount"].sum()
    figures["monetary"] = [spent.get(customer, Decimal(0)) for customer in customers]
    bought = figures[figures["last_sale"].notna()].copy()
    bought["recency_days"] = [(as_of - day).days for day in bought["last_sale"]]
    bought["customer_id"] = bought.index
    bought["recency_score"] = _fifths(bought, ["recency_days", "customer_id"], [False, True])
    bought["frequency_score"] = _fifths(bought, ["frequency", "customer_id"], [True, True])
    bought["monetary_score"] = _fifths(bought, ["monetary", "customer_id"], [True, True])
    of_bought = bought[["customer_id", *SCORED]].itertuples(index=False, name=None)
    scored = {str(customer): scores for customer, *scores in of_bought}
    known = zip(customers, figures["frequency"], figures["monetary"], strict=True)
    rows = [_row(customer, int(frequency), monetary, scored.get(customer)) for customer, frequency, monetary in known]
    return pd.DataFrame(rows, columns=COLUMNS)


def _fifths(bought: pd.DataFrame, by: list[str], ascending: list[bool]) -> pd.Series[int]:
    """SQL's ntile(5): fifths in this order, the first ones one larger where they do not come out even."""
    ordered = bought.sort_values(by, ascending=ascending).index
    parts = np.array_split(np.arange(len(ordered)), 5)
    return pd.Series({ordered[place]: score for score, part in enumerate(parts, 1) for place in part}, dtype=int)


def _row(customer: str, frequency: int, monetary: Decimal, scored: list[int] | None) -> tuple[Any, ...]:
    if scored is None:
        return (customer, None, frequency, monetary, None, None, None, None, "No Purchases", False, False, False)
    recency, r, f, m = scored
    flags = (recency >= 90, frequency == 1, m == 5)
    return (customer, recency, frequency, monetary, r, f, m, f"{r}{f}{m}", _segment(r, f, m), *flags)


def _segment(r: int, f: int, m: int) -> str:
    rules = {
        "Champions": r >= 4 and f >= 4 and m >= 4,
        "Loyal Customers": r >= 3 and f >= 4 and m >= 4,
        "Potential Loyalists": r >= 4 and f <= 2 and m >= 4,
        "At Risk": r <= 2 and f >= 3 and m >= 3,
        "Cannot Lose Them": r <= 2 and f <= 2 and m >= 4,
        "New Customers": r >= 3 and f <= 2 and m <= 2,
        "Hibernating": r <= 3 and f <= 2 and m <= 2,
        "Need Attention": f >= 3 and m <= 3,
    }
    return next((name for name, holds in rules.items() if holds), "Others")
