"""`make run`: the demo shop from landing to published figures, and what to look at next."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tidegate.cli import console
from tidegate.cli.progress import Shown
from tidegate.cli.read_status import read_status
from tidegate.cli.show_status import print_status
from tidegate.cli.verdict import verdict_of
from tidegate.demo.deliveries import demo_landing
from tidegate.demo.dirt import DirtKind
from tidegate.demo.shop import write_shop
from tidegate.home import Home
from tidegate.lake.reading.query import run_query
from tidegate.ledger.publications import newest_published_day
from tidegate.machine.stopping import end_if_asked, until_asked
from tidegate.orchestration.instance.initialise import initialise
from tidegate.orchestration.runs import Runner
from tidegate.settings import Settings
from tidegate.window import ONE_DAY, Cadence, Window

DAYS = 14
ORDERS_PER_DAY = 300
SEED = 7

NEWEST_DAYS = """
select order_date, total_orders, gross_revenue, net_revenue, paid_amount, unpaid_orders
from serving.daily_sales order by order_date desc limit 7
"""


def show_tour(settings: Settings) -> bool:
    """Run the demo shop and print its figures. True when exactly the day with the spoiled delivery is held."""
    landing = demo_landing(Path(settings.landing))
    home = initialise(settings)
    first = settings.start_date
    shop = write_shop(landing, first_day=first, days=DAYS, orders_per_day=ORDERS_PER_DAY, seed=SEED, zone=settings.zone)
    console.heading(f"A shop in four regions delivered {shop.lines:,} order lines for {DAYS} days")
    console.say(f"They are in {settings.landing}, with the dirt that real files have.")

    window = Window(first, first + ONE_DAY * DAYS)
    runner = Runner.open(home)
    shown = Shown(window)
    runner.on_progress = shown.step
    outcomes = shown.through(until_asked(runner.backfill(window)))
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

    spoiled = {dirt.day for dirt in shop.dirt if dirt.kind is DirtKind.REJECTED}
    return spoiled == {day for outcome in outcomes for day in outcome.held}


def _rest() -> str:
    return "The tour was stopped. What was published stays; its rest is due. Take it again with: tidegate demo tour"


def _newest(home: Home) -> set[dt.date]:
    """The newest published day, Monday and month: enough to look at, and made in a moment."""
    with home.lake() as lake:
        return {day for cadence in Cadence if (day := newest_published_day(lake.con, cadence))}
