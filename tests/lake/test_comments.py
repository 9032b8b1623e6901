"""What columns mean is a comment in the lake, written where it changed and nowhere else."""

from __future__ import annotations

from tidegate.lake.comments import Comments, keep_comments
from tidegate.lake.connect import Lake
from tidegate.lake.tables import change_types, ensure_table

MEANS = {"Day": "The day.", "amount": "What was\n  paid: 'net'\0, \N{EURO SIGN}"}


def keep(lake: Lake, comments: Comments) -> None:
    lake.unit_of_work(lambda con: keep_comments(con, {("serving", "daily"): comments, ("serving", "none"): {}}))


def comments_of(lake: Lake) -> dict[str, str | None]:
    query = "select column_name, comment from duckdb_columns() where table_name = 'daily' order by column_index"
    return dict(lake.con.execute(query).fetchall())


def test_columns_say_what_they_mean_until_that_changes(lake: Lake) -> None:
    columns = {"day": "date", "amount": "bigint", "other": "varchar"}
    lake.unit_of_work(lambda con: ensure_table(con, "serving", "daily", columns, None))
    keep(lake, MEANS)
    expected = {"day": "The day.", "amount": "What was paid: 'net' , \N{EURO SIGN}", "other": None}
    assert comments_of(lake) == expected
    snapshot = lake.newest_snapshot()
    keep(lake, MEANS)
    assert lake.newest_snapshot() == snapshot
    lake.con.execute("insert into serving.daily values ('2024-01-01', 1, 'x')")
    lake.unit_of_work(lambda con: change_types(con, ("serving", "daily"), {"amount": "varchar"}))
    keep(lake, MEANS)
    assert comments_of(lake) == expected
    keep(lake, {"day": "Another day."})
    assert comments_of(lake) == {"day": "Another day.", "other": None, "amount": None}
    with Lake.open(lake.config, read_only=True) as reader:
        assert comments_of(reader)["day"] == "Another day."
