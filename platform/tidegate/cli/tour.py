"""`make run`: the demo shop from landing to published figures, and what to look at next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

from tidegate.cli import console
from tidegate.cli.progress import Shown
from tidegate.cli.read_status import read_status
from tidegate.cli.show_status import print_status
from tidegate.cli.verdict import verdict_of
from tidegate.demo.corrections import correct_orders
from tidegate.demo.deliveries import demo_landing
from tidegate.demo.dirt import DirtKind
from tidegate.demo.shop import ShopReport, write_shop
from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.lake.reading.query import run_query
from tidegate.ledger.publications import newest_published_day, publication_history
from tidegate.ledger.rollbacks import sentences_of_rollbacks
from tidegate.machine.processes import person
from tidegate.machine.stopping import end_if_asked, until_asked
from tidegate.orchestration.instance.initialise import initialise
from tidegate.orchestration.outcomes import RunOutcome
from tidegate.orchestration.rollbacks import roll_back_and_report
from tidegate.orchestration.runs import Runner
from tidegate.publishing.rollback import Decision
from tidegate.settings import Settings, remember_first_day
from tidegate.window import ONE_DAY, ONE_WEEK, Cadence, Window

# The first report is whole, and bars of partitions in the UI are long enough to be looked at.
WEEKS = 10
# A longer tour is of a smaller shop, so that it is as quick; one that goes on day by day stays of the same shop.
ORDERS = 4200
FEWEST_ORDERS_PER_DAY, MOST_ORDERS_PER_DAY = ORDERS // (WEEKS * 7), 300
SEED = 7

# The sixth and seventh days of a week's programme of dirt have sound CSV from every large region.
PROGRAMME = 7
CORRECTED, ROLLED_BACK = 5, 6

NEWEST_DAYS = """
select order_date, total_orders, gross_revenue, net_revenue, paid_amount, unpaid_orders
from serving.daily_sales order by order_date desc limit 7
"""


def tour_window(settings: Settings, first: dt.date | None, last: dt.date | None) -> Window:
    """The days of the tour: ten weeks that end yesterday, or all since the first day that the home has.

    Raises TidegateError for days that have not ended, and for another first day than the home has.
    """
    yesterday = settings.zone.today() - ONE_DAY
    fixed = settings.start_date if settings.has_first_day else None
    if first and fixed and first != fixed:
        raise TidegateError(
            f"The first day of {settings.home} is {fixed}, so the tour cannot begin on {first}. Nothing was written. "
            "Leave --from out, or set TIDEGATE_HOME to a folder that is not there yet."
        )
    first = first or fixed or (last or yesterday) - ONE_WEEK * WEEKS + ONE_DAY
    last = last or yesterday
    if not first <= last <= yesterday:
        raise TidegateError(
            f"The tour cannot be of the days from {first} to {last}: the last day that has ended is {yesterday}. "
            "Nothing was written. Choose earlier days with --from and --to."
        )
    return Window(first, last + ONE_DAY)


def show_tour(settings: Settings, window: Window) -> bool:
    """Run the demo shop and print its figures. True when exactly the day with the spoiled delivery is held."""
    landing = demo_landing(Path(settings.landing))
    remember_first_day(settings, window.start)
    # In one run: the shop is small, and starting a run takes longer than a month of it.
    home = initialise(settings.model_copy(update={"start_date": window.start, "chunk_days": len(window.days)}))
    shop = _deliver(home, landing, window)
    console.heading(f"A shop in four regions delivered {shop.lines:,} order lines for {len(window.days)} days")
    console.say(f"They are in {settings.landing}, with the dirt that real files have.")

    runner = Runner.open(home)
    outcomes = _shown(runner, window, runner.backfill(window))
    end_if_asked(_rest)
    _correct(home, runner, landing, window)
    end_if_asked(_rest)
    console.heading("Published: the newest days of serving.daily_sales")
    console.print_result(run_query(home.lake_config, NEWEST_DAYS), "table")
    console.heading("Kept out")
    # When the last of its days ended: by today's clock, all that came later would be overdue.
    status = read_status(home, now=settings.zone.at(window.end))
    print_status(status, {}, verdict_of(status, {}))
    console.heading("Made of the newest partitions: exports, brief and report")
    console.print_outputs(list(until_asked(runner.make_outputs(_newest(home)))), home.outputs.place)
    end_if_asked(_rest)
    console.print_next_steps()
    return _spoiled(shop) == _held(outcomes)


def _shown(runner: Runner, window: Window, outcomes: Iterator[RunOutcome]) -> list[RunOutcome]:
    """Go through the outcomes with their progress on the terminal."""
    shown = Shown(window)
    runner.on_progress = shown.step
    return list(shown.through(until_asked(outcomes)))


def _deliver(home: Home, landing: Path, window: Window) -> ShopReport:
    days = len(window.days)
    orders = max(FEWEST_ORDERS_PER_DAY, min(MOST_ORDERS_PER_DAY, ORDERS // days))
    zone = home.settings.zone
    return write_shop(landing, first_day=window.start, days=days, orders_per_day=orders, seed=SEED, zone=zone)


def _spoiled(shop: ShopReport) -> set[dt.date]:
    return {dirt.day for dirt in shop.dirt if dirt.kind is DirtKind.REJECTED}


def _held(outcomes: Sequence[RunOutcome]) -> set[dt.date]:
    return {day for outcome in outcomes for day in outcome.held}


def _correct(home: Home, runner: Runner, landing: Path, window: Window) -> None:
    """Two days come again, corrected, and are published again; then the correction of one is found to be wrong, and
    it is rolled back."""
    week = (len(window.days) - 1) // PROGRAMME - 1
    if week < 0:
        return
    corrected, rolled_back = (window.start + ONE_DAY * (week * PROGRAMME + day) for day in (CORRECTED, ROLLED_BACK))
    days = Window(corrected, rolled_back + ONE_DAY)
    for day in days.days:
        correct_orders(landing, day)
    console.heading(f"Corrected: the orders of {corrected} and {rolled_back} came again")
    _shown(runner, days, (runner.run(each) for each in [days]))
    _roll_back(home, runner, rolled_back)
    _shown(runner, days, runner.restate())


def _roll_back(home: Home, runner: Runner, day: dt.date) -> None:
    """Put the first publication of the day's sales back, unless that was done when the tour was taken before."""
    with home.lake() as lake:
        if sentences_of_rollbacks(lake.con, Window.of_day(day)):
            return
        sales = [each for each in publication_history(lake.con, day) if each.mart == "daily_sales"]
    if sales:
        first = min(sales, key=lambda each: each.published_at)
        decision = Decision(day, first.publication_id, person(), "The correction was wrong")
        console.print_rollback(roll_back_and_report(home, runner.instance, decision), {})


def _rest() -> str:
    return "The tour was stopped. What was published stays; its rest is due. Take it again with: tidegate demo tour"


def _newest(home: Home) -> dict[Cadence, set[dt.date]]:
    """The newest published day, morning, Monday and month: enough to look at, and made in a moment."""
    with home.lake() as lake:
        newest = {cadence: newest_published_day(lake.con, cadence) for cadence in Cadence}
    return {cadence: {day} for cadence, day in newest.items() if day}
