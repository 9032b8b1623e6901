"""Timestamps without an offset are read by the clock that the contract names, and not guessed when it is changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from tidegate.contract.judging.assess import reasons_of
from tidegate.contract.judging.logic import logic_of
from tidegate.contract.judging.verdicts import judge_select
from tidegate.contract.model import AtChanges, Clock, Contract
from tidegate.contract.reading.odcs import load_contract
from tidegate.lake.sql import rows_relation
from tidegate.zones import Zone

ContractOf = Callable[..., Contract]
Found = tuple[dt.datetime | None, list[str] | None]

AT = "  - {name: seen, logicalType: timestamp}"
HOUR = dt.timedelta(hours=1)

# Judged rows hold naive timestamps, in UTC.
moment_of = dt.datetime

# Around both changes of a year: in Lord Howe half an hour, in Cairo and on the Azores at midnight.
AROUND = {
    "Europe/Berlin": (dt.date(2024, 3, 31), dt.date(2024, 10, 27)),
    "America/New_York": (dt.date(2024, 3, 10), dt.date(2024, 11, 3)),
    "Asia/Kolkata": (dt.date(2024, 3, 31), dt.date(2024, 10, 27)),
    "Australia/Lord_Howe": (dt.date(2024, 4, 7), dt.date(2024, 10, 6)),
    "Africa/Cairo": (dt.date(2024, 4, 26), dt.date(2024, 10, 31)),
    "Atlantic/Azores": (dt.date(2024, 3, 31), dt.date(2024, 10, 27)),
}


def judged(
    con: duckdb.DuckDBPyConnection, contract: Contract, clock: Clock, texts: Sequence[str], sql_type: str
) -> list[Found]:
    rows = rows_relation({"n": "integer", "seen": "varchar"}, list(enumerate(texts)))
    relation = (
        f"(select seen::{sql_type} as seen, 0 as _delivery, date '2024-01-10' as _day, 'file' as _file from ({rows}) "
        "order by n)"
    )
    return con.execute(
        f"select seen, _reasons from ({judge_select(contract, {'seen': sql_type}, relation, clock)})"
    ).fetchall()


def meant(local: dt.datetime, zone: str) -> set[dt.datetime]:
    """The moments (UTC, naive) at which a clock in the zone showed `local`; where it never did, those it would be by
    the offsets before and after."""
    by_offset = {local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(dt.UTC) for fold in (0, 1)}
    shown = {moment for moment in by_offset if moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local}
    return {moment.replace(tzinfo=None) for moment in shown or by_offset}


def is_shown(moment: dt.datetime, local: dt.datetime, zone: str) -> bool:
    return moment.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local


@pytest.mark.parametrize("at_changes", ["quarantine", "earlier", "later"])
@pytest.mark.parametrize("zone", AROUND)
def test_a_time_is_the_moment_at_which_the_clock_showed_it(
    zone: str, at_changes: AtChanges, con: duckdb.DuckDBPyConnection, contract_of: ContractOf
) -> None:
    locals_ = [
        dt.datetime.combine(day, dt.time()) + quarter * HOUR / 4
        for day in AROUND[zone]
        for quarter in range(-30 * 4, 54 * 4)
    ]
    contract, clock = contract_of(AT), Clock(Zone(zone), at_changes)
    for sql_type in ("VARCHAR", "TIMESTAMP"):
        found = judged(con, contract, clock, [str(local) for local in locals_], sql_type)
        for local, (moment, reasons) in zip(locals_, found, strict=True):
            moments = meant(local, zone)
            if len(moments) == 1:
                assert (moment, reasons) == (*moments, None)
            elif at_changes == "quarantine":
                shown = is_shown(min(moments), local, zone)
                assert (moment, reasons) == (None, ["ambiguous_seen" if shown else "nonexistent_seen"])
            else:
                assert (moment, reasons) == ((min if at_changes == "earlier" else max)(moments), None)


def test_an_offset_says_more_than_the_clock(con: duckdb.DuckDBPyConnection, contract_of: ContractOf) -> None:
    texts = ["2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00", "2024-03-31 02:30:00Z", "2024-10-27 02:30:00"]
    found = judged(con, contract_of(AT), Clock(Zone("Europe/Berlin")), [*texts, "soon", ""], "VARCHAR")

    assert found == [
        (moment_of(2024, 10, 27, 0, 30), None),
        (moment_of(2024, 10, 27, 1, 30), None),
        (moment_of(2024, 3, 31, 2, 30), None),
        (None, ["ambiguous_seen"]),
        (None, ["invalid_seen"]),
        (None, None),
    ]
    typed = judged(con, contract_of(AT), Clock(Zone("Europe/Berlin")), texts[:2], "TIMESTAMP WITH TIME ZONE")
    assert typed == found[:2]


@pytest.mark.parametrize(
    ("column", "text", "moment"),
    [
        # A column that names its zone is written by that, whichever region delivers it.
        ("logicalTypeOptions: {defaultTimezone: Asia/Kolkata}", "2024-01-10 05:00:00", moment_of(2024, 1, 9, 23, 30)),
        ("logicalTypeOptions: {defaultTimezone: UTC}", "2024-01-10 05:00:00", moment_of(2024, 1, 10, 5)),
        ("logicalTypeOptions: {format: 'dd.MM.yyyy HH:mm'}", "10.01.2024 05:00", moment_of(2024, 1, 10, 4)),
        (
            """logicalTypeOptions: {format: "yyyy-MM-dd'T'HH:mmXXX"}""",
            "2024-01-10T05:00+05:30",
            moment_of(2024, 1, 9, 23, 30),
        ),
        ("required: true", "2024-01-10", moment_of(2024, 1, 9, 23)),
        ("required: true", "9999-12-31 23:00:00", None),
    ],
)
def test_what_a_column_says_of_its_times_counts(
    column: str, text: str, moment: dt.datetime | None, con: duckdb.DuckDBPyConnection, contract_of: ContractOf
) -> None:
    contract = contract_of(f"  - {{name: seen, logicalType: timestamp, {column}}}")
    found = judged(con, contract, Clock(Zone("Europe/Berlin")), [text], "VARCHAR")

    assert found == [(moment, None if moment else ["invalid_seen"])]


def test_what_the_contract_says_holds_for_every_server_that_does_not_say_otherwise(
    write: Callable[[str], Path],
) -> None:
    contract = load_contract(write(TWO_REGIONS))

    assert {region.name: region.clock for region in contract.regions} == {
        "de": Clock(Zone("Europe/Berlin"), "earlier"),
        "us": Clock(Zone("America/New_York"), "quarantine"),
    }
    assert {"ambiguous_seen", "nonexistent_seen"} <= set(reasons_of(contract))


TWO_REGIONS = """\
apiVersion: v3.1.0
kind: DataContract
id: things
version: 1.0.0
servers:
  - {server: de, type: local, path: "things/de/{day}", format: auto}
  - server: us
    type: local
    path: "things/us/{day}"
    format: auto
    customProperties:
      - {property: timezone, value: America/New_York}
      - {property: timesAtClockChanges, value: quarantine}
schema:
- name: things
  properties:
  - {name: seen, logicalType: timestamp}
customProperties:
  - {property: timezone, value: Europe/Berlin}
  - {property: timesAtClockChanges, value: earlier}
"""


def test_the_clock_is_part_of_what_judges(contract_of: ContractOf) -> None:
    plain = contract_of(AT)
    berlin = contract_of(AT, root="customProperties:\n- {property: timezone, value: Europe/Berlin}\n")
    utc = contract_of(AT, root="customProperties:\n- {property: timezone, value: UTC}\n")

    assert logic_of(plain) == logic_of(utc) != logic_of(berlin)
    assert "ambiguous_seen" not in reasons_of(plain)
