"""`serving.calendar` says of each partition whether it is published, held, overdue, awaited or not required."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tidegate.delivery_days import DeliveryDays
from tidegate.lake.connect import Lake
from tidegate.lake.reading.query import run_query
from tidegate.ledger.known import incomplete_days
from tidegate.ledger.publications import days_published_of
from tidegate.ledger.required import settled_days
from tidegate.ledger.upkeep.maintenance import maintain_until
from tidegate.ledger.versions import versions_of
from tidegate.publishing import promote as promoting
from tidegate.publishing.calendar import bring_up_to_date, enter_held
from tidegate.publishing.due.made_of import DaysBehind
from tidegate.publishing.due.partitions import due_partitions
from tidegate.publishing.gate import closed_among
from tidegate.publishing.periods import periods_with_a_day_so_far
from tidegate.publishing.promises import Promise, overdue_partition
from tidegate.publishing.promote import promote
from tidegate.publishing.published import published_since
from tidegate.publishing.requirements import GateRequirements
from tidegate.publishing.retire import retire_marts
from tidegate.publishing.rollback import Decision, roll_back
from tidegate.window import ONE_DAY, Cadence, Window
from tidegate.zones import UTC, Zone

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

# A Friday.
DAY = dt.date(2024, 5, 31)
NEXT = DAY + ONE_DAY
ONE = Window.of_day(DAY)
WEEKDAYS = DeliveryDays(weekdays=frozenset(range(5)))


def product(shop: Shop, starts: dt.date = DAY, **changes: Any) -> GateRequirements:
    return dataclasses.replace(
        shop.requirements, starts=starts, product="sales", **{"promise": Promise(deadline=dt.time(8)), **changes}
    )


def calendar(shop: Shop, columns: str = "partition_day, state", days: int = 4) -> list[tuple[Any, ...]]:
    """The first days of it."""
    before = DAY + days * ONE_DAY
    query = f"select {columns} from serving.calendar where partition_day < date '{before}' order by all"
    return shop.lake.con.execute(query).fetchall()


def publish(shop: Shop, of: GateRequirements, window: Window = ONE, factor: int = 1) -> None:
    shop.deliver(window)
    shop.build(window, factor)
    promote(shop.lake, window, of, "run-1")


def test_each_day_has_its_state(shop: Shop) -> None:
    weekly = dict.fromkeys(shop.requirements.deliveries, WEEKDAYS)
    of = product(shop, delivery_days=weekly)
    publish(shop, of)
    assert calendar(shop) == [
        (DAY, "published"),
        (NEXT, "not required"),
        (NEXT + ONE_DAY, "not required"),
        (NEXT + 2 * ONE_DAY, "overdue"),
    ]
    reasons = dict(calendar(shop, "state, reason"))
    assert reasons["published"] is None
    assert reasons["not required"] == "No source delivers for it, as the contracts say."
    assert reasons["overdue"] == "Nothing was published by 2024-06-04 08:00 UTC, as promised."


def test_a_sum_over_a_month_shows_which_days_are_missing(shop: Shop) -> None:
    publish(shop, product(shop))
    missing = run_query(
        shop.lake.config,
        "select count(s.order_date), count(*) - count(s.order_date) from serving.calendar as c "
        "left join serving.daily_sales as s on s.order_date = c.partition_day "
        f"where c.product = 'sales' and c.partition_day between '{DAY}' and '{DAY + 29 * ONE_DAY}'",
    ).rows
    assert missing == [(1, 29)]


def test_a_held_day_says_why_and_is_late(shop: Shop) -> None:
    of = product(shop)
    shop.deliver(ONE, verdict="rejected", reason="orders are broken.")
    promote(shop.lake, Window(DAY, DAY + 2 * ONE_DAY), of, "run-1")
    (held, unseen) = calendar(shop, "partition_day, state, reason, is_late, publication_id", days=2)
    assert held == (DAY, "held", "orders are broken. orders are broken.", True, None)
    # Nothing came for it.
    assert unseen[:2] == (NEXT, "overdue")
    publish(shop, of)
    assert calendar(shop, "state, reason, is_late", days=1) == [("published", None, False)]


def test_a_run_that_ends_before_publishing_says_what_is_held(shop: Shop) -> None:
    shop.deliver(ONE, verdict="rejected", reason="orders are broken.")
    enter_held(shop.lake, product(shop), ONE)
    assert calendar(shop, days=1) == [(DAY, "held")]


def test_the_calendar_agrees_with_the_rule_of_what_is_overdue(shop: Shop) -> None:
    today = UTC.today()
    of = product(shop, today - 3 * ONE_DAY, promise=Promise(deadline=dt.time(23, 59, 59)))
    publish(shop, of, Window.of_day(today - 3 * ONE_DAY))
    overdue = overdue_partition(shop.lake.con, of, UTC, dt.datetime.now(dt.UTC))
    states = dict(shop.lake.con.execute("select partition_day, state from serving.calendar").fetchall())
    assert overdue is not None
    assert states == {
        today - 3 * ONE_DAY: "published",
        today - 2 * ONE_DAY: "overdue",
        today - ONE_DAY: "awaited",
        today: "awaited",
    }
    assert states[overdue.partition] == "overdue"


def test_without_a_deadline_a_day_is_awaited(shop: Shop) -> None:
    publish(shop, product(shop, promise=Promise()))
    assert calendar(shop, "state, deadline, is_late", days=2) == [
        ("awaited", None, False),
        ("published", None, False),
    ]


def test_a_deadline_is_by_the_platforms_clock(shop: Shop) -> None:
    publish(shop, product(shop, zone=Zone("Europe/Berlin")))
    assert calendar(shop, "deadline::varchar", days=1) == [("2024-06-01 06:00:00",)]


@pytest.mark.slow
def test_a_restatement_is_told_with_the_content_that_it_brought(shop: Shop) -> None:
    of, columns = product(shop), "publication_id, content_from, published_at, restated_at, restatements, content_hash"
    publish(shop, of)
    (first,) = calendar(shop, columns, days=1)
    publish(shop, of)
    (again,) = calendar(shop, columns, days=1)
    publish(shop, of, factor=2)
    (restated,) = calendar(shop, columns, days=1)
    versions = versions_of(shop.lake.con, DAY)
    assert [row[0] for row in (first, again, restated)] == [each.publication_id for each in versions]
    assert [row[1] for row in (first, again, restated)] == [
        versions[0].publication_id, versions[0].publication_id, versions[2].publication_id
    ]  # fmt: skip
    assert [row[2] for row in (first, again, restated)] == [versions[0].published_at] * 3
    assert (first[3], again[3], restated[3]) == (None, None, versions[2].published_at)
    assert (first[4], again[4], restated[4]) == (0, 0, 1)
    assert [row[5] for row in (first, again, restated)] == [each.content for each in versions]


def test_a_newer_version_that_is_held_is_told_beside_the_published_one(shop: Shop) -> None:
    of = product(shop)
    publish(shop, of)
    shop.deliver(ONE, verdict="rejected", reason="orders are broken.", fingerprint="broken")
    promote(shop.lake, ONE, of, "run-2")
    ((state, reason, is_late),) = calendar(shop, "state, reason, is_late", days=1)
    assert (state, is_late) == ("published", False)
    assert reason.startswith("A newer version is held: orders are broken.")


@pytest.mark.slow
def test_a_day_that_was_rolled_back_says_so(shop: Shop) -> None:
    of = product(shop)
    publish(shop, of)
    publish(shop, of, factor=2)
    first = versions_of(shop.lake.con, DAY)[0]
    roll_back(shop.lake, lambda _: [of], Decision(DAY, first.publication_id, "ann", "twice as many"))
    ((state, reason, content, restatements),) = calendar(shop, "state, reason, content_hash, restatements", days=1)
    assert (state, content, restatements) == ("published", first.content, 2)
    assert reason == f"Rolled back to {first.publication_id} by ann: twice as many."


@pytest.mark.parametrize(("cadence", "partition"), [(Cadence.weekly, dt.date(2024, 6, 3)), (Cadence.monthly, DAY)])
def test_mondays_and_months_have_a_calendar_too(shop: Shop, cadence: Cadence, partition: dt.date) -> None:
    of = product(shop, cadence=cadence, deliveries=frozenset(), starts=cadence.about(DAY))
    bring_up_to_date(shop.lake, [of], [(of, {})])
    first = calendar(shop, "cadence, partition_day, state, deadline::date", days=4)[0]
    assert first == (cadence, cadence.about(DAY), "overdue", cadence.days_about(cadence.about(DAY)).end)
    assert cadence.about(DAY) == cadence.partition_of(partition)


def test_what_was_not_entered_is_made_up_for_and_then_changes_nothing(shop: Shop) -> None:
    of = product(shop)
    other = dataclasses.replace(of, product="stock", marts=())
    assert bring_up_to_date(shop.lake, [of, other], [(of, {DAY: ["It is", "broken."]}), (other, {})])
    assert calendar(shop, "product, state, reason", days=1)[0] == ("sales", "held", "It is broken.")
    snapshot = shop.lake.newest_snapshot()
    assert not bring_up_to_date(shop.lake, [of, other], [(of, {DAY: ["It is", "broken."]}), (other, {})])
    assert shop.lake.newest_snapshot() == snapshot
    earlier = dataclasses.replace(of, promise=Promise(deadline=dt.time(6)))
    assert bring_up_to_date(shop.lake, [earlier], [(earlier, {})])
    assert calendar(shop, "product, state, deadline::time", days=1) == [("sales", "overdue", dt.time(6))]


def test_a_mart_that_left_is_in_no_calendar(shop: Shop) -> None:
    publish(shop, product(shop))
    shop.lake.unit_of_work(lambda con: retire_marts(con, [("daily_sales", Cadence.daily)], "0-switch"))
    assert calendar(shop, "state, marts", days=1) == [("published", ["daily_sales"])]
    shop.lake.unit_of_work(lambda con: retire_marts(con, [], "0-other"))
    assert calendar(shop) == []


def test_a_reader_who_calls_the_lake_otherwise_reads_it_too(shop: Shop) -> None:
    publish(shop, product(shop))
    with Lake.open(shop.lake.config, read_only=True) as lake:
        catalog = shop.lake.config.catalog_file
        lake.con.execute(f"attach 'ducklake:sqlite:{catalog}' as mine (read_only)")
        query = f"select state from mine.serving.calendar where partition_day = '{DAY}'"
        assert lake.con.execute(query).fetchall() == [("published",)]
        lake.con.execute("detach mine")


def test_a_day_that_goes_on_is_so_far(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    of, ever = product(shop), dt.datetime.combine(dt.date.min, dt.time())
    publish_twice_while_it_goes_on(shop, of, monkeypatch)
    told = "state, restatements, is_late, reason"
    assert calendar(shop, told, days=1) == [("so far", 0, True, "Not read to its end yet.")]
    assert published_since(shop.lake.con, [of], ever) == []
    assert days_published_of(shop.lake.con, of.names) == set()
    # Nobody takes it for all of the day.
    assert settled_days(shop.lake.con, "orders", [DAY]) == set()
    behind = DaysBehind(Cadence.weekly, of.names, frozenset(), 0)
    weeks = Window.of_day(dt.date(2024, 6, 3), Cadence.weekly)
    assert periods_with_a_day_so_far(shop.lake.con, weeks, behind) == set(weeks.days)

    # The day has ended, and what came of it since is not there: it stays as it is, and says so.
    shop.deliver(ONE, interim_until=dt.datetime.combine(NEXT, dt.time()), fingerprint="print 2")
    (reasons,) = closed_among(shop.lake.con, [DAY], of).values()
    assert reasons[0].startswith(f"orders/eu-west {DAY}: read last before the day had ended")
    assert due_partitions(shop.lake.con, of) == []
    assert incomplete_days(shop.lake.con, of.deliveries, {}) == {}
    assert overdue_partition(shop.lake.con, of, UTC, dt.datetime(2024, 6, 1, 8, tzinfo=dt.UTC))

    # Nothing more came: it is published again, as the whole day, and has been once.
    shop.deliver(ONE, fingerprint="print 2")
    assert [due.day for due in due_partitions(shop.lake.con, of)] == [DAY]
    shop.build(ONE, 2)
    promote(shop.lake, ONE, of, "run-1")
    assert calendar(shop, told, days=1) == [("published", 0, False, None)]
    assert due_partitions(shop.lake.con, of) == []
    assert [each.is_restated for each in published_since(shop.lake.con, [of], ever)] == [False]
    assert days_published_of(shop.lake.con, of.names) == {DAY}


def test_what_is_put_back_of_half_a_day_is_half_a_day(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    of = product(shop)
    publish_twice_while_it_goes_on(shop, of, monkeypatch)
    first, _ = versions_of(shop.lake.con, DAY)
    roll_back(shop.lake, lambda _: [of], Decision(DAY, first.publication_id, "ann", "twice as many"))
    assert calendar(shop, "state", days=1) == [("so far",)]
    shop.deliver(ONE, fingerprint="print 2")
    assert due_partitions(shop.lake.con, of) == []
    promote(shop.lake, ONE, of, "run-1")
    assert calendar(shop, "state", days=1) == [("so far",)]
    shop.build(ONE, 3)
    promote(shop.lake, ONE, of, "run-1")
    assert calendar(shop, "state", days=1) == [("published",)]


def test_what_a_day_showed_while_it_went_on_is_forgotten_once_all_of_it_is_published(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = product(shop)
    publish_twice_while_it_goes_on(shop, of, monkeypatch)
    maintain_now(shop)
    assert entries(shop) == (4, 2)

    shop.deliver(ONE, fingerprint="print 2")
    shop.build(ONE, 2)
    promote(shop.lake, ONE, of, "run-1")
    (before, shown, served) = entries(shop), calendar(shop, "*", days=1), shop.served()
    assert before == (6, 3)
    checks = "select count(*) from ops.check_results where subject in (select build_id from ops.builds)"
    (checked,) = shop.lake.con.execute(checks).fetchone() or (0,)
    maintain_now(shop)
    assert entries(shop) == (2, 1)
    assert (calendar(shop, "*", days=1), shop.served()) == (shown, served)
    assert due_partitions(shop.lake.con, of) == []
    assert closed_among(shop.lake.con, [DAY], of) == {}
    # Nor are the checks of what was built so far there.
    assert shop.lake.con.execute(checks).fetchone() == (checked // 3,)
    assert shop.lake.con.execute(
        "select count(*) from ops.check_results as c where subject not in (select build_id from ops.builds) "
        "and subject not in (select fingerprint from ops.deliveries)"
    ).fetchone() == (0,)


def test_a_day_that_was_rolled_back_while_it_went_on_is_not_forgotten(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = product(shop)
    publish_twice_while_it_goes_on(shop, of, monkeypatch)
    first, _ = versions_of(shop.lake.con, DAY)
    roll_back(shop.lake, lambda _: [of], Decision(DAY, first.publication_id, "ann", "twice as many"))
    shop.deliver(ONE, fingerprint="print 2")
    shop.build(ONE, 3)
    promote(shop.lake, ONE, of, "run-1")
    before = entries(shop)
    maintain_now(shop)
    assert entries(shop) == before


def entries(shop: Shop) -> tuple[int, int]:
    """How many publications and builds the ledger has."""
    counts = "select (select count(*) from ops.publications), (select count(*) from ops.builds)"
    (publications, builds), *_ = shop.lake.con.execute(counts).fetchall()
    return publications, builds


def maintain_now(shop: Shop) -> None:
    now = dt.datetime.now(dt.UTC)
    maintain_until(shop.lake, now, now)


def publish_twice_while_it_goes_on(shop: Shop, of: GateRequirements, monkeypatch: pytest.MonkeyPatch) -> None:
    far = dt.datetime.combine(dt.date(2999, 1, 1), dt.time())
    with monkeypatch.context() as patch:
        patch.setattr(promoting, "moment_of", lambda _: dt.datetime.combine(DAY, dt.time(12), dt.UTC))
        for factor in (1, 2):
            shop.deliver(ONE, interim_until=far, fingerprint=f"print {factor}")
            shop.build(ONE, factor)
            assert promote(shop.lake, ONE, of, "run-1").held == {}
