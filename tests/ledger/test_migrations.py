"""A home of an older version is brought up to date when opened and keeps everything; one of a newer is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.support.lake.shop import Home, Shop

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.ledger.migrations import STEPS, is_behind, version_of
from tidegate.ledger.rollbacks import standing_rollbacks
from tidegate.ledger.upkeep.opening import make_lake, open_lake, upgrade_ledger
from tidegate.ledger.versions import versions_of

ROLLED_BACK = dt.date(2024, 1, 3)

# Everything that anybody could miss.
KEPT = {
    "publications": "select publication_id, partition_day, cadence, mart, rows, content_hash, rollback_id "
    "from ops.publications order by all",
    "rollbacks": "select * from ops.rollbacks order by all",
    "quarantined orders": "select * from quarantine.orders order by all",
    "deliveries": "select source, region, partition_day, fingerprint, verdict from ops.deliveries order by all",
    "daily_sales": "select * from serving.daily_sales order by all",
    "customer_rfm": "select * from serving.customer_rfm order by all",
}


def everything_in(lake: Lake) -> dict[str, list[Any]]:
    return {what: lake.con.execute(sql).fetchall() for what, sql in KEPT.items()}


@pytest.mark.slow
def test_a_first_home_is_upgraded_when_that_is_asked_for_and_loses_nothing(first_home: LakeConfig) -> None:
    with Lake.open(first_home, read_only=True) as lake:
        before = everything_in(lake)
        assert is_behind(lake.con)
    assert all(before.values())

    # Its rows would change, so whoever only runs something is refused.
    for opened in (open_lake, make_lake):
        with pytest.raises(TidegateError, match=r"was made by an older version.*: tidegate upgrade$"):
            opened(first_home)
    with Lake.open(first_home, read_only=True) as lake:
        assert is_behind(lake.con)
        assert everything_in(lake) == before

    upgrade_ledger(first_home)
    with open_lake(first_home) as lake:
        assert everything_in(lake) == before
        assert version_of(lake.con) == len(STEPS)
        assert [each.partition_day for each in standing_rollbacks(lake.con)] == [ROLLED_BACK] * 4
        assert [version.can_be_read for version in versions_of(lake.con, ROLLED_BACK)] == [True] * 3
        assert lake.con.execute("select count(*) from ops.builds where cadence is null").fetchone() == (0,)
    with open_lake(first_home, read_only=True) as lake:
        assert everything_in(lake) == before


def test_a_reader_changes_nothing_of_an_older_home(first_home: LakeConfig) -> None:
    with pytest.raises(TidegateError, match="was made by an older version"):
        open_lake(first_home, read_only=True)
    with Lake.open(first_home, read_only=True) as lake:
        assert is_behind(lake.con)


def test_builds_from_before_weekly_marts_are_of_days(shop: Shop) -> None:
    shop.lake.con.execute("delete from ops.migrations")
    shop.lake.con.execute("insert into ops.builds (build_id, cadence) values ('old', null), ('new', 'weekly')")
    upgrade_ledger(shop.lake.config)
    with open_lake(shop.lake.config) as lake:
        builds = lake.con.execute("select build_id, cadence from ops.builds order by all").fetchall()
        assert builds == [("new", "weekly"), ("old", "daily")]
        assert version_of(lake.con) == len(STEPS)


def test_what_only_adds_goes_on_automatically(shop: Shop) -> None:
    shop.lake.con.execute("delete from ops.migrations where version >= 3")
    shop.lake.con.execute("drop view ops.due")
    shop.lake.con.execute("drop view serving.calendar")
    shop.lake.con.execute("drop table ops.calendar")
    shop.lake.con.execute("drop table ops.waivers")
    shop.lake.con.execute("alter table ops.builds drop column errors")
    with open_lake(shop.lake.config) as lake:
        assert version_of(lake.con) == len(STEPS)
        assert not is_behind(lake.con)
        assert lake.con.execute("select count(*) from ops.due").fetchone() == (0,)
        assert lake.con.execute("select count(*) from serving.calendar").fetchone() == (0,)


def test_a_home_that_a_newer_version_wrote_to_is_left_alone(home: Home) -> None:
    with make_lake(home.config) as lake:
        lake.con.execute("insert into ops.migrations (version) values (99)")
    for read_only in (False, True):
        with pytest.raises(TidegateError, match="version 99, and this Tidegate knows versions up to"):
            open_lake(home.config, read_only)
