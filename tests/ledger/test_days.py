"""A lake with data keeps the time zone that its days are of."""

from __future__ import annotations

import dataclasses

import pytest
from tests.support.lake.shop import Home

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.ledger.migrations import is_behind
from tidegate.ledger.upkeep.days import timezone_of
from tidegate.ledger.upkeep.opening import make_lake, open_lake, upgrade_ledger


def in_zone(config: LakeConfig, timezone: str) -> LakeConfig:
    return dataclasses.replace(config, timezone=timezone)


def test_a_lake_without_data_takes_the_zone_that_it_is_opened_with(bare_home: Home) -> None:
    config = bare_home.config
    for zone in ("Asia/Kolkata", "UTC", "Europe/Berlin"):
        with make_lake(in_zone(config, zone)) as lake:
            assert timezone_of(lake.con) == zone


@pytest.mark.parametrize(("kept", "other"), [("Europe/Berlin", "UTC"), ("UTC", "Europe/Berlin")])
def test_a_lake_with_data_is_not_opened_in_another_zone(kept: str, other: str, bare_home: Home) -> None:
    config = in_zone(bare_home.config, kept)
    with make_lake(config) as lake:
        lake.con.execute("insert into ops.deliveries (source) values ('orders')")
    for read_only in (False, True):
        with pytest.raises(TidegateError) as refusal:
            open_lake(in_zone(config, other), read_only)
        told = str(refusal.value)
        assert f"TIDEGATE_TIMEZONE is {other}" in told
        assert f"are in {kept}" in told
        assert "Nothing was changed" in told
        assert "TIDEGATE_HOME" in told
    with open_lake(config) as lake:
        assert timezone_of(lake.con) == kept


def test_a_home_from_before_there_were_zones_has_days_of_utc(first_home: LakeConfig) -> None:
    with pytest.raises(TidegateError, match="are in UTC"):
        upgrade_ledger(in_zone(first_home, "Europe/Berlin"))
    upgrade_ledger(first_home)
    with open_lake(first_home) as lake:
        assert timezone_of(lake.con) == "UTC"


def test_an_older_home_in_another_zone_is_refused_before_anything_of_it_changes(first_home: LakeConfig) -> None:
    with pytest.raises(TidegateError, match="Nothing was changed"):
        open_lake(in_zone(first_home, "Europe/Berlin"))
    with Lake.open(first_home, read_only=True) as lake:
        assert is_behind(lake.con)
