"""On which days a contract says that it delivers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from tidegate.contract.model import Contract
from tidegate.contract.reading.odcs import load_contract
from tidegate.delivery_days import DeliveryDays
from tidegate.zones import Zone

FRIDAY, SATURDAY, MONDAY = (dt.date(2024, 5, day) for day in (3, 4, 6))
CHRISTMAS, BOXING_DAY = dt.date(2024, 12, 25), dt.date(2024, 12, 26)

COLUMNS = "  - {name: thing_id, logicalType: string, primaryKey: true, primaryKeyPosition: 1}"

REGIONS = (
    """\
apiVersion: v3.1.0
kind: DataContract
id: things
version: 1.0.0
slaProperties: [{property: generalAvailability, value: "2024-05-01"}]
customProperties:
  - {property: deliversOn, value: [monday, tuesday, wednesday, thursday, friday]}
  - {property: exceptDates, value: ["2024-12-25"]}
servers:
  - {server: us, type: local, path: "us/{day}", format: auto}
  - server: uk
    type: local
    path: "uk/{day}"
    format: auto
    customProperties:
      - {property: firstDay, value: "2024-05-06"}
      - {property: exceptDates, value: ["2024-12-25", "2024-12-26"]}
schema:
- name: things
  properties:
"""
    + COLUMNS
)


def test_every_day_unless_the_contract_says_otherwise(contract_of: Callable[..., Contract]) -> None:
    (region,) = contract_of(COLUMNS).regions
    assert region.delivers_on == DeliveryDays()
    assert all(day in region.delivers_on for day in (FRIDAY, SATURDAY, CHRISTMAS))


def test_a_region_says_for_itself_what_it_does_not_share_with_the_source(write: Callable[[str], Path]) -> None:
    us, uk = (region.delivers_on for region in load_contract(write(REGIONS)).regions)
    assert [day in us for day in (FRIDAY, SATURDAY, MONDAY, CHRISTMAS, BOXING_DAY)] == [True, False, True, False, True]
    assert [day in uk for day in (FRIDAY, SATURDAY, MONDAY, CHRISTMAS, BOXING_DAY)] == [
        False,
        False,
        True,
        False,
        False,
    ]


def test_a_moment_names_the_day_that_it_is_on_in_the_platforms_time_zone(write: Callable[[str], Path]) -> None:
    text = REGIONS.replace('"2024-05-01"', '"2024-05-01T02:00:00Z"')
    for zone, first_day in (("UTC", dt.date(2024, 5, 1)), ("America/New_York", dt.date(2024, 4, 30))):
        us, _ = load_contract(write(text), Zone(zone)).regions
        assert us.delivers_on.first_day == first_day
