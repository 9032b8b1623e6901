"""A partition shows again what an earlier publication showed, all marts at once, until its data changes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.examples import examples
from tests.support.lake.copied import put_lake
from tests.support.lake.shop import Home, Shop, config_in, empty

from tidegate.errors import TidegateError
from tidegate.lake.lease import lease
from tidegate.lake.tables import change_type, ensure_table
from tidegate.ledger import publications
from tidegate.ledger.builds import begin_build, finish_build
from tidegate.ledger.checks import record_checks
from tidegate.ledger.publications import publication_history
from tidegate.ledger.rollbacks import sentences_of_rollbacks, standing_rollbacks
from tidegate.ledger.upkeep.maintenance import maintain, maintain_until
from tidegate.ledger.versions import Version, versions_of
from tidegate.publishing import rollback
from tidegate.publishing.due.made_of import Ingredient, OutputKind
from tidegate.publishing.due.outputs import due_outputs
from tidegate.publishing.due.partitions import due_again
from tidegate.publishing.promote import Promotion, promote
from tidegate.publishing.requirements import GateRequirements, Mart
from tidegate.publishing.retire import retire_marts
from tidegate.publishing.rollback import Decision, roll_back
from tidegate.window import ONE_DAY, Cadence, Window

pytestmark = pytest.mark.slow

DAY = dt.date(2024, 6, 1)
NEXT = DAY + ONE_DAY
ONE = Window.of_day(DAY)
TWO = Window(DAY, DAY + 2 * ONE_DAY)
MONDAY = dt.date(2024, 6, 3)


@dataclass(frozen=True)
class Twice:
    """A shop that published a day twice, and the two publications."""

    shop: Shop
    first: str
    second: str


@pytest.fixture(scope="module")
def made_twice(tmp_path_factory: pytest.TempPathFactory) -> Twice:
    """No test changes it."""
    config = config_in(tmp_path_factory.mktemp("twice"))
    put_lake(config)
    with ExitStack() as stack:
        home = Home(config, stack)
        shop = Shop(home.open(), home)
        return Twice(shop, publish(shop, 1), publish(shop, 2))


@pytest.fixture
def twice(made_twice: Twice, bare_home: Home) -> Twice:
    """A copy of `made_twice`."""
    put_lake(bare_home.config, made_twice.shop.home.config)
    shop = Shop(bare_home.open(), bare_home, builds=[*made_twice.shop.builds])
    return dataclasses.replace(made_twice, shop=shop)


def publish(shop: Shop, factor: int, window: Window = ONE, rows: int = 2) -> str:
    """Publish the days with figures of this factor; the first day's publication."""
    return shop.publish(window, factor, rows).published[window.start][0].publication_id


def back(shop: Shop, to: str, day: dt.date = DAY, reason: str | None = None) -> Promotion:
    return roll_back(shop.lake, lambda cadence: [shop.requirements], Decision(day, to, "kim", reason))


def run_again(shop: Shop, factor: int, window: Window = ONE, rows: int = 2) -> Promotion:
    """Build the same deliveries again, and publish."""
    shop.build(window, factor, rows)
    return shop.promote(window)


def factor_of(shop: Shop, day: dt.date = DAY) -> int:
    """What both marts show of a day."""
    figures = {row[1] for row in shop.served() if row[0] == day}
    assert {row[2] for row in shop.served("daily_sales_by_region") if row[0] == day} == figures
    (factor,) = figures
    assert isinstance(factor, int)
    return factor


def version(shop: Shop, publication_id: str) -> Version:
    (found,) = [each for each in versions_of(shop.lake.con, DAY) if each.publication_id == publication_id]
    return found


def test_all_marts_show_the_earlier_publication_and_the_ledger_tells(twice: Twice) -> None:
    shop, first, second = twice.shop, twice.first, twice.second
    rows = back(shop, first, reason="The shop counted twice.").published[DAY]

    assert factor_of(shop) == 1
    assert publications.newest_publications(shop.lake.con) == rows
    assert [row.content_hash for row in rows] == [
        row.content_hash for row in publication_history(shop.lake.con, DAY) if row.publication_id == first
    ]
    assert {row.build_id for row in rows} == {shop.builds[-1]}
    assert {row.superseded_by for row in publication_history(shop.lake.con, DAY) if row.publication_id == second} == {
        rows[0].publication_id
    }
    sentences = {each.sentence for each in standing_rollbacks(shop.lake.con)}
    (sentence,) = sentences
    assert sentence.startswith(f"Rolled back to {first} by kim at 20")
    assert sentence.endswith(" UTC: The shop counted twice.")
    states = [(each.stands, each.rejected, each.restores) for each in versions_of(shop.lake.con, DAY)]
    assert states == [(False, False, None), (False, True, None), (True, False, first)]


def test_running_the_day_again_keeps_it_and_says_so(twice: Twice) -> None:
    shop, first = twice.shop, twice.first
    back(shop, first)
    for _ in range(2):
        again = run_again(shop, 2)
        assert factor_of(shop) == 1
        assert again.rolled_back[DAY].restores == first
        assert {row.rollback_id for row in again.published[DAY]} == {again.rolled_back[DAY].rollback_id}
        assert version(shop, again.published[DAY][0].publication_id).restores == first
        assert [each.day for each in due_again(shop.lake.con, [shop.requirements])] == []
    assert len(publications.newest_publications(shop.lake.con)) == 2


def test_changed_data_ends_it(twice: Twice) -> None:
    shop, first = twice.shop, twice.first
    back(shop, first)
    shop.deliver(ONE, fingerprint="corrected")
    assert [each.day for each in due_again(shop.lake.con, [shop.requirements])] == [DAY]
    changed = run_again(shop, 3)
    assert (factor_of(shop), changed.rolled_back, standing_rollbacks(shop.lake.con)) == (3, {}, [])
    assert run_again(shop, 2).rolled_back == {}
    assert factor_of(shop) == 2


def test_another_days_restatement_does_not_touch_it(shop: Shop) -> None:
    first = publish(shop, 1, TWO)
    publish(shop, 2, TWO)
    back(shop, first)
    before = publications.newest_publications(shop.lake.con, ONE)
    run_again(shop, 5, Window.of_day(NEXT))
    assert (factor_of(shop), factor_of(shop, NEXT)) == (1, 5)
    assert publications.newest_publications(shop.lake.con, ONE) == before
    both = run_again(shop, 2, TWO)
    assert list(both.rolled_back) == [DAY]
    assert (factor_of(shop), factor_of(shop, NEXT)) == (1, 2)


def test_what_is_held_stays_rolled_back(twice: Twice) -> None:
    shop, first = twice.shop, twice.first
    back(shop, first)
    build_id = shop.build(ONE, 3)
    check = shop.check(DAY, "marts/daily_sales", "revenue_adds_up", build_id, passed=False)
    shop.lake.unit_of_work(lambda con: record_checks(con, [check]))
    assert list(shop.promote(ONE).held) == [DAY]
    assert factor_of(shop) == 1
    assert len(standing_rollbacks(shop.lake.con)) == 2


def test_what_waits_behind_a_closed_gate_is_withheld_as_well_as_what_was_served(twice: Twice) -> None:
    shop, first = twice.shop, twice.first
    shop.build(ONE, 3)
    assert [each.day for each in due_again(shop.lake.con, [shop.requirements])] == [DAY]
    back(shop, first)
    assert [each.day for each in due_again(shop.lake.con, [shop.requirements])] == []
    for factor in (3, 2):
        assert run_again(shop, factor, rows=1 if factor == 3 else 2).rolled_back
        assert factor_of(shop) == 1


def test_a_mixture_of_what_was_rejected_is_news(twice: Twice) -> None:
    shop, first = twice.shop, twice.first
    shop.build(ONE, 3)
    back(shop, first)
    shop.build(ONE, 3)
    shop.lake.con.execute("update marts.daily_sales set total_orders = 2, net_revenue = 4")
    assert shop.promote(ONE).rolled_back == {}
    assert shop.served()[0][1] == 2


def test_going_back_to_what_was_rejected_goes_on_as_usual(twice: Twice) -> None:
    shop, first, second = twice.shop, twice.first, twice.second
    back(shop, first)
    assert [row.rollback_id for row in back(shop, second).published[DAY]] == [None, None]
    assert (factor_of(shop), standing_rollbacks(shop.lake.con)) == (2, [])
    assert run_again(shop, 2).rolled_back == {}
    assert len(shop.lake.con.execute("select distinct rollback_id from ops.rollbacks").fetchall()) == 2


def test_one_rollback_takes_the_place_of_another(twice: Twice) -> None:
    shop, first, second = twice.shop, twice.first, twice.second
    publish(shop, 3)
    rolled_back = back(shop, first).published[DAY][0].publication_id
    back(shop, second)
    assert factor_of(shop) == 2
    assert {each.restores for each in standing_rollbacks(shop.lake.con)} == {second}
    # What was put back can itself be gone back to.
    back(shop, rolled_back)
    assert factor_of(shop) == 1
    assert run_again(shop, 3).rolled_back


def test_a_day_that_was_empty_is_empty_again(shop: Shop) -> None:
    shop.deliver(ONE)
    shop.build(ONE)
    shop.empty_candidates(ONE)
    first = shop.promote(ONE).published[DAY][0].publication_id
    publish(shop, 2)
    assert [row.rows for row in back(shop, first).published[DAY]] == [0, 0]
    assert (shop.served(), shop.served("daily_sales_by_region")) == ([], [])


def test_columns_that_came_later_are_null_and_wider_ones_hold_what_was(shop: Shop) -> None:
    first = publish(shop, 1)
    shop.lake.con.execute("alter table marts.daily_sales add column units_sold bigint")
    shop.lake.con.execute("alter table marts.daily_sales add column note varchar default 'new'")
    shop.build(ONE, 2, 2)
    shop.lake.con.execute("update marts.daily_sales set units_sold = 5")
    shop.promote(ONE)
    back(shop, first)
    assert shop.served() == [(DAY, 1, 2, None, None)]
    shop.lake.con.execute("update marts.daily_sales set units_sold = 5")
    assert shop.promote(ONE).rolled_back


def with_marketing(shop: Shop) -> GateRequirements:
    """What the shop's days need once a mart was added to them and built."""
    shop.lake.con.execute(
        "create or replace table marts.marketing as select order_date, 7 as spend from marts.daily_sales"
    )
    return dataclasses.replace(shop.requirements, marts=(*shop.requirements.marts, Mart("marketing", "order_date")))


def test_all_marts_of_a_rolled_back_day_are_of_one_moment_also_those_that_came_after_the_rollback(twice: Twice) -> None:
    shop, first = twice.shop, twice.first
    back(shop, first)
    later = with_marketing(shop)
    for _ in range(2):
        promotion = promote(shop.lake, ONE, later, "run-2")
        assert factor_of(shop) == 1
        assert shop.served("marketing") == []
        assert {row.rollback_id for row in promotion.published[DAY]} == {promotion.rolled_back[DAY].rollback_id}
        assert [each.day for each in due_again(shop.lake.con, [later])] == []
    (sentence,) = sentences_of_rollbacks(shop.lake.con).values()
    assert sentence.endswith(" Nothing is shown of marketing, which came later.")
    exports = OutputKind("exports/marketing", "daily", (Ingredient(("marketing",), "daily"),))
    assert due_outputs(shop.lake.con, [exports], "somewhere") == []

    shop.build(ONE, 3, 2)
    assert promote(shop.lake, ONE, later, "run-3").rolled_back == {}
    assert (factor_of(shop), shop.served("marketing")) == (3, [(DAY, 7)])
    assert due_outputs(shop.lake.con, [exports], "somewhere") != []


def test_a_day_can_go_back_to_before_a_mart_was_added_and_shows_nothing_of_it(twice: Twice) -> None:
    shop, first = twice.shop, twice.first
    later = with_marketing(shop)
    beside = promote(shop.lake, ONE, later, "run-2").published[DAY][0].publication_id
    assert shop.served("marketing") == [(DAY, 7)]

    roll_back(shop.lake, lambda cadence: [later], Decision(DAY, first, "kim", None))
    assert (factor_of(shop), shop.served("marketing")) == (1, [])
    with pytest.raises(TidegateError, match=r"shows what .* showed already"):
        roll_back(shop.lake, lambda cadence: [later], Decision(DAY, first, "kim", None))
    assert promote(shop.lake, ONE, later, "run-3").rolled_back.keys() == {DAY}
    assert (factor_of(shop), shop.served("marketing")) == (1, [])

    roll_back(shop.lake, lambda cadence: [later], Decision(DAY, beside, "kim", None))
    assert (factor_of(shop), shop.served("marketing")) == (2, [(DAY, 7)])


def test_a_rollback_whose_marts_are_all_gone_stands_until_they_leave_and_cannot_be_chosen_again(twice: Twice) -> None:
    shop, first = twice.shop, twice.first
    back(shop, first)
    with_marketing(shop)
    renamed = dataclasses.replace(shop.requirements, marts=(Mart("marketing", "order_date"),))
    assert promote(shop.lake, ONE, renamed, "run-2").rolled_back == {}
    # What no model makes stays as it is until that change is applied.
    assert {each.restores for each in standing_rollbacks(shop.lake.con, ONE)} == {first}
    shop.lake.unit_of_work(lambda con: retire_marts(con, [("marketing", Cadence.daily)], "0123456789abcdef"))
    assert standing_rollbacks(shop.lake.con, ONE) == []
    with pytest.raises(TidegateError, match="has none of these marts any more"):
        roll_back(shop.lake, lambda cadence: [renamed], Decision(DAY, first, "kim", None))


def test_a_column_that_went_is_told(twice: Twice) -> None:
    shop, first = twice.shop, twice.first
    for schema in ("marts", "serving"):
        shop.lake.con.execute(f"alter table {schema}.daily_sales drop column net_revenue")
    with pytest.raises(TidegateError, match=r"no longer has what publication .* showed there: net_revenue\."):
        back(shop, first)
    assert shop.served() == [(DAY, 2)]


def test_what_does_not_fit_the_type_of_today_is_not_put_back(shop: Shop) -> None:
    """It would be rounded, and no figure that was ever published."""
    shop.deliver(ONE)
    shop.build(ONE)
    shop.lake.con.execute("update marts.daily_sales set net_revenue = 1.25")
    first = shop.promote(ONE).published[DAY][0].publication_id
    second = publish(shop, 2)
    publish(shop, 3)
    change_type(shop.lake.con, ("serving", "daily_sales"), "net_revenue", "decimal(38,1)")
    with pytest.raises(TidegateError, match=r"no longer has what publication .* showed there: net_revenue\."):
        back(shop, first)
    back(shop, second)
    assert factor_of(shop) == 2


@pytest.mark.parametrize(
    "to", ["20240601-0", "", "'; drop table ops.publications; --", "a\0b", "[red]", "\udc80", "x" * 500]
)
def test_an_unknown_publication_is_told_with_those_that_there_are(twice: Twice, to: str) -> None:
    shop, first, second = twice.shop, twice.first, twice.second
    with pytest.raises(TidegateError, match="There is no publication") as told:
        back(shop, to)
    assert re.search(
        rf"newest first: {second} \([-0-9: ]+ UTC, shown now\), {first} \([-0-9: ]+ UTC\)\.", str(told.value)
    )


def test_a_day_that_was_never_published_is_told(shop: Shop) -> None:
    with pytest.raises(TidegateError, match="2024-06-01 was never published"):
        back(shop, "20240601-0")


def test_another_days_publication_is_told(shop: Shop) -> None:
    first = publish(shop, 1, TWO)
    publish(shop, 2, TWO)
    with pytest.raises(TidegateError, match=f"{first} is a publication of 2024-06-01, not of 2024-06-02"):
        back(shop, first, NEXT)


def test_what_is_shown_already_is_told(twice: Twice) -> None:
    shop, first, second = twice.shop, twice.first, twice.second
    with pytest.raises(TidegateError, match=rf"2024-06-01 shows what {second} showed already\."):
        back(shop, second)
    rolled_back = back(shop, first).published[DAY][0].publication_id
    with pytest.raises(TidegateError, match=rf"shows what {first} showed already, by publication {rolled_back}\."):
        back(shop, first)


def test_an_expired_snapshot_is_told_with_what_can_be_done(shop: Shop) -> None:
    first = publish(shop, 1)
    now = dt.datetime.now(dt.UTC)
    second = publish(shop, 2)
    publish(shop, 3)
    maintain_until(shop.lake, now, now)
    with pytest.raises(TidegateError, match="maintenance has dropped its snapshot") as told:
        back(shop, first)
    assert f"{second}. Or have the data of then delivered again" in str(told.value)
    assert [each.can_be_read for each in versions_of(shop.lake.con, DAY)] == [False, True, True]
    back(shop, second)
    assert factor_of(shop) == 2


def test_maintenance_changes_nothing_of_it(shop: Shop) -> None:
    first = publish(shop, 1, rows=30)
    for factor in (2, 3):
        publish(shop, factor, TWO, rows=30)
    maintain(shop.lake, 30)
    back(shop, first)
    now = dt.datetime.now(dt.UTC)
    maintain_until(shop.lake, now, now)
    assert run_again(shop, 3, TWO, rows=30).rolled_back.keys() == {DAY}
    assert (factor_of(shop), factor_of(shop, NEXT)) == (1, 3)
    assert {each.restores for each in standing_rollbacks(shop.lake.con)} == {first}


def test_a_snapshot_that_holds_something_else_is_told(twice: Twice) -> None:
    shop, first = twice.shop, twice.first
    shop.lake.con.execute(f"update ops.publications set content_hash = 'x' where publication_id = '{first}'")
    with pytest.raises(TidegateError, match=r"does not hold of serving\.daily_sales what publication"):
        back(shop, first)
    assert factor_of(shop) == 2


@pytest.mark.parametrize(
    "reason", ["[bold]; drop table ops.rollbacks; --'\"", "a\0b\nc", "<script>", "\udc80", "x" * 5000]
)
def test_any_reason_is_kept_as_it_was_given(twice: Twice, reason: str) -> None:
    shop, first = twice.shop, twice.first
    back(shop, first, reason=reason)
    kept = {each.reason for each in standing_rollbacks(shop.lake.con)}
    assert kept == {reason.replace("\0", "\N{REPLACEMENT CHARACTER}").replace("\udc80", "?")}


@pytest.mark.parametrize(
    ("module", "step"),
    [(rollback, "record_rollbacks"), (publications, "supersede_publications"), (publications, "record_publications")],
)
def test_one_that_breaks_off_changes_nothing(
    twice: Twice, module: ModuleType, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, first = twice.shop, twice.first
    before = (shop.served(), publication_history(shop.lake.con, DAY))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, step, killed)
        with pytest.raises(KeyboardInterrupt):
            back(shop, first)
    assert (shop.served(), publication_history(shop.lake.con, DAY)) == before
    assert standing_rollbacks(shop.lake.con) == []
    back(shop, first)
    assert factor_of(shop) == 1


def test_one_killed_before_it_could_enter_its_snapshot_can_be_gone_back_to(
    twice: Twice, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, first = twice.shop, twice.first

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publications, "enter_snapshot", killed)
        with pytest.raises(KeyboardInterrupt):
            back(shop, first)
    rolled_back = publications.newest_publications(shop.lake.con)[0].publication_id
    assert factor_of(shop) == 1
    publish(shop, 3)
    back(shop, rolled_back)
    assert factor_of(shop) == 1


def test_it_waits_for_a_promote_of_the_day(twice: Twice) -> None:
    shop, first = twice.shop, twice.first
    impatient = shop.home.open(patience=0.2)
    with (
        lease(shop.home.config, "serving", [DAY], "run-9"),
        pytest.raises(TidegateError, match=r"serving 2024-06-01: run run-9"),
    ):
        roll_back(impatient, lambda cadence: [shop.requirements], Decision(DAY, first, "kim", None))
    assert factor_of(shop) == 2


def test_a_reader_never_sees_a_half(shop: Shop) -> None:
    versions = [publish(shop, factor, rows=20 if factor % 2 else 3) for factor in (1, 2, 3)]
    reader = shop.home.start("poll_serving", 1)
    reader.wait_for("reading")
    for turn in range(4):
        back(shop, versions[turn % 2])
    reader.tell("stop")
    assert reader.result().split(" ", 1)[1] == "[]"


WEEKLY = GateRequirements(
    frozenset(), frozenset({"weekly"}), frozenset(), (Mart("weekly", "as_of_date"),), Cadence.weekly
)


def publish_monday(shop: Shop, figure: int) -> Promotion:
    """Build a weekly mart's Monday, and publish it."""
    columns = {"as_of_date": "date", "figure": "bigint"}
    build_id = uuid.uuid4().hex
    shop.lake.unit_of_work(lambda con: ensure_table(con, "marts", "weekly", columns, None))
    shop.lake.con.execute(f"delete from marts.weekly; insert into marts.weekly values ('{MONDAY}', {figure})")
    shop.lake.unit_of_work(lambda con: begin_build(con, build_id, [MONDAY], ["weekly"], "run-w", Cadence.weekly))
    shop.lake.unit_of_work(lambda con: finish_build(con, build_id))
    return promote(shop.lake, Window.of_day(MONDAY, Cadence.weekly), WEEKLY, "run-w")


def test_a_monday_and_the_day_of_that_date_are_rolled_back_apart(shop: Shop) -> None:
    def products_of(cadence: Cadence) -> list[GateRequirements]:
        return [WEEKLY if cadence is Cadence.weekly else shop.requirements]

    week = publish_monday(shop, 10).published[MONDAY][0].publication_id
    publish_monday(shop, 20)
    day = publish(shop, 1, Window.of_day(MONDAY))
    publish(shop, 2, Window.of_day(MONDAY))

    roll_back(shop.lake, products_of, Decision(MONDAY, week, "kim", None))
    assert (shop.served("weekly"), factor_of(shop, MONDAY)) == ([(MONDAY, 10)], 2)
    assert publish_monday(shop, 20).rolled_back[MONDAY].restores == week
    assert shop.served("weekly") == [(MONDAY, 10)]

    roll_back(shop.lake, products_of, Decision(MONDAY, day, "kim", None))
    assert (shop.served("weekly"), factor_of(shop, MONDAY)) == ([(MONDAY, 10)], 1)
    assert [each.cadence for each in versions_of(shop.lake.con, MONDAY) if each.stands] == ["weekly", "daily"]
    assert publish_monday(shop, 30).rolled_back == {}
    assert (shop.served("weekly"), factor_of(shop, MONDAY)) == ([(MONDAY, 30)], 1)


@dataclasses.dataclass
class DayModel:
    """What a day should be: the figures of its candidate, of what it shows and of each publication."""

    candidate: int = 0
    shown: int = 0
    withheld: tuple[int, ...] = ()
    unpublished: bool = False
    versions: dict[str, int] = dataclasses.field(default_factory=dict)
    expired: set[str] = dataclasses.field(default_factory=set)


@dataclasses.dataclass
class Story:
    """A shop and what should have come of what was done to it."""

    shop: Shop
    days: dict[dt.date, DayModel] = dataclasses.field(default_factory=lambda: {day: DayModel() for day in TWO.days})

    def build(self, day: dt.date, figure: int) -> None:
        """A run that is killed before it publishes."""
        self.shop.build(Window.of_day(day), figure, 2)
        self.days[day].candidate = figure
        self.days[day].unpublished = True

    def run(self, day: dt.date, figure: int) -> None:
        self.build(day, figure)
        self.promote(day)

    def promote(self, day: dt.date) -> None:
        model = self.days[day]
        if not model.candidate:
            return
        (publication, *_) = self.shop.promote(Window.of_day(day)).published[day]
        if model.candidate not in model.withheld:
            model.shown, model.withheld = model.candidate, ()
        model.versions[publication.publication_id] = model.shown
        model.unpublished = False

    def roll_back(self, day: dt.date, choice: int) -> None:
        model = self.days[day]
        if not model.versions:
            return
        to = list(model.versions)[choice % len(model.versions)]
        if to in model.expired or model.versions[to] == model.shown:
            with pytest.raises(TidegateError, match="Nothing was changed"):
                back(self.shop, to, day)
            return
        (publication, *_) = back(self.shop, to, day).published[day]
        rejected = (model.candidate, model.shown)
        model.shown = model.versions[to]
        model.withheld = () if model.shown == model.candidate else rejected
        model.versions[publication.publication_id] = model.shown
        model.unpublished = False

    def maintain(self, day: dt.date, choice: int) -> None:
        """Upkeep that keeps nothing but what the lake holds now."""
        now = dt.datetime.now(dt.UTC)
        maintain_until(self.shop.lake, now, now)
        for model in self.days.values():
            model.expired |= model.versions.keys()

    def forget_snapshots(self, day: dt.date, choice: int) -> None:
        """Every publication's writer was killed before it could enter its snapshot."""
        self.shop.lake.con.execute("update ops.publications set lake_snapshot = null where superseded_by is null")

    def assert_told_by_lake_and_ledger(self) -> None:
        standing = publications.newest_publications(self.shop.lake.con)
        published = {day: model for day, model in self.days.items() if model.versions}
        assert [row.partition_day for row in standing] == sorted([*published, *published])
        for day, model in published.items():
            assert factor_of(self.shop, day) == model.shown
            (told, other) = [row for row in standing if row.partition_day == day]
            assert told.publication_id == other.publication_id == list(model.versions)[-1]
            assert bool(told.rollback_id) is bool(other.rollback_id) is bool(model.withheld)
            assert [each.publication_id for each in versions_of(self.shop.lake.con, day)] == list(model.versions)
        left = [day for day, model in self.days.items() if model.unpublished]
        assert [each.day for each in due_again(self.shop.lake.con, [self.shop.requirements])] == left


STEPS = [Story.run, Story.run, Story.build, Story.roll_back, Story.roll_back, Story.maintain, Story.forget_snapshots]
steps = st.one_of(
    st.tuples(st.sampled_from(STEPS), st.sampled_from(TWO.days), st.integers(1, 3)),
    st.tuples(st.just(Story.promote), st.sampled_from(TWO.days)),
)


@examples(12)
@given(st.lists(steps, min_size=4, max_size=14))
def test_any_history_is_told_consistently(shop: Shop, history: list[tuple]) -> None:  # type: ignore[type-arg]
    shop.lake.unit_of_work(empty)
    shop.deliver(TWO)
    story = Story(shop)
    for step, *arguments in history:
        step(story, *arguments)
        story.assert_told_by_lake_and_ledger()
