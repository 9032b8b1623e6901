"""The newest entry that each thing may read is told without reading all of them."""

from __future__ import annotations

import datetime as dt
import random

import duckdb
import pytest

from tidegate.lake.sql import rows_relation
from tidegate.ledger.contents import NO_DAY, Kind, Seed
from tidegate.ledger.made_of import Reads, inputs_query, latest_query, made_of_relation
from tidegate.window import ONE_DAY, Length

DAY = dt.date(2024, 2, 20)
THINGS = {
    "a year": [Reads(Kind.mart, "sales", 365), Reads(Kind.mart, "returns", 14)],
    "days before": [Reads(Kind.mart, "sales", 7, Length(days=-3))],
    "a month": [Reads(Kind.mart, "sales", 0, Length(months=1))],
    "its day and a seed": [Reads(Kind.report, ""), Reads(Kind.seed, "colours", None, None)],
    "nothing there": [Reads(Kind.mart, "never", 30)],
}
CONTENTS = {"kind": "varchar", "subject": "varchar", "name": "varchar", "day": "date", "content": "varchar"}


@pytest.mark.parametrize("seeds", [[], [Seed("colours", "red")]], ids=["as entered", "with a seed as it is now"])
def test_it_is_the_newest_of_all_inputs(seeds: list[Seed]) -> None:
    chance = random.Random(7)
    of_days = [("mart", "sales"), ("mart", "returns"), ("report", ""), ("mart", "other")]
    entered = [
        (*chance.choice(of_days), "x", DAY + ONE_DAY * chance.randrange(-40, 40), str(number)) for number in range(60)
    ]
    entered.insert(20, ("seed", "colours", "x", NO_DAY, "blue"))
    answers = [(thing, DAY + ONE_DAY * days, -1, "") for thing in THINGS for days in range(-45, 45, 2)]
    things = rows_relation({"thing": "varchar", "partition": "date", "seen": "bigint", "made_by": "varchar"}, answers)
    made_of = made_of_relation(THINGS)
    with duckdb.connect() as con:
        con.execute("create schema ops")
        con.execute(
            f"create table ops.contents as select *, now()::timestamp as changed_at, 'run' as made_by "
            f"from ({rows_relation(CONTENTS, entered)})"
        )
        inputs = inputs_query(things, made_of, seeds)
        read = con.execute(f"select thing, partition, max(entry) from ({inputs}) group by all order by all").fetchall()
        latest = latest_query(things, made_of, seeds)
        found = con.execute(f"from ({latest}) where entry is not null order by all").fetchall()
    assert {thing for thing, *_ in found} == THINGS.keys() - {"nothing there"}
    assert found == read
