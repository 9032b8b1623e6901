"""The commands `tidegate demo …`: deliveries, and servers, to try things with."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.asked_days import day_of
from tidegate.cli import console
from tidegate.cli.commands import Commands
from tidegate.cli.exit_codes import FAILED, GOOD
from tidegate.cli.settings import load_settings
from tidegate.cli.words import ends_when_asked, with_plain_errors
from tidegate.demo.crm_faults import Fault
from tidegate.errors import TidegateError

if TYPE_CHECKING:
    from tidegate.settings import Settings

demo_app = Commands(help="Write deliveries to try things with.", no_args_is_help=True)


@demo_app.command("shop")
@with_plain_errors
@ends_when_asked
def demo_shop(
    days: Annotated[int, typer.Option(min=1)] = 14,
    orders_per_day: Annotated[int, typer.Option(min=1)] = 300,
    seed: int = 7,
) -> None:
    """Write a shop's deliveries into landing: four regions, and the dirt that real files have."""
    from tidegate.demo.shop import write_shop

    settings = load_settings()
    report = write_shop(
        _landing_folder(settings),
        first_day=settings.start_date,
        days=days,
        orders_per_day=orders_per_day,
        seed=seed,
        zone=settings.zone,
    )
    console.print_shop(report, settings.landing)


@demo_app.command("crm")
@with_plain_errors
def demo_crm(
    port: Annotated[int, typer.Option(min=0, max=65534, help="Where it answers; it is broken at the next one.")] = 8100,
    fault: Annotated[Fault | None, typer.Option(help="How it fails from the start.")] = None,
    orders_per_day: Annotated[int, typer.Option(min=1, help="As of `demo shop`: with it customers grow.")] = 300,
    seed: int = 7,
    page_size: Annotated[int, typer.Option(min=1, help="Customers per page.")] = 100,
    token_variable: Annotated[
        str | None, typer.Option(help="Environment variable with the token that requests must bear.")
    ] = None,
) -> None:
    """Serve the customers of `demo shop` as a CRM does, over HTTP, until Ctrl-C; with faults on request."""
    from tidegate.demo.crm import Crm, Snapshots
    from tidegate.demo.trade import Shop

    settings = load_settings()
    snapshots = Snapshots(Shop(settings.start_date, orders_per_day, seed, settings.zone), page_size)
    token = _secret_in(token_variable) if token_variable else None
    with Crm(snapshots, port, port and port + 1, token, fault) as crm:
        console.print_crm(crm)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


@demo_app.command("payments")
@with_plain_errors
def demo_payments(
    dsn_variable: Annotated[str, typer.Option(help="Environment variable with libpq settings or a URL.")],
    days: Annotated[int, typer.Option(min=1)] = 14,
    orders_per_day: Annotated[int, typer.Option(min=1, help="As of `demo shop`: they pay for its orders.")] = 300,
    seed: int = 7,
) -> None:
    """Fill a PostgreSQL database with the payments of `demo shop` and the etl_status rows that call them complete."""
    from tidegate.demo.database import fill_database
    from tidegate.demo.trade import Shop

    settings = load_settings()
    shop = Shop(settings.start_date, orders_per_day, seed, settings.zone)
    report = fill_database(_secret_in(dsn_variable), dsn_variable, shop, days)
    console.print_filled_database(report, dsn_variable)


def _secret_in(variable: str) -> str:
    if secret := os.environ.get(variable, "").strip():
        return secret
    raise TidegateError(f"The environment variable {variable} is not set. Set it to what it is to hold, and run again.")


@demo_app.command("tour")
@with_plain_errors
@ends_when_asked
def demo_tour(
    from_: Annotated[
        str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="The shop's first day. Default: ten weeks ago.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Its last. Default: yesterday.")] = None,
) -> None:
    """Write the demo shop, run all its days, and show what came of it."""
    from tidegate.cli.tour import show_tour, tour_window

    settings = load_settings()
    window = tour_window(settings, day_of(from_) if from_ else None, day_of(to) if to else None)
    raise typer.Exit(GOOD if show_tour(settings, window) else FAILED)


@demo_app.command("online-retail")
@with_plain_errors
@ends_when_asked
def demo_online_retail(
    input: Annotated[
        Path, typer.Option(help="UCI Online Retail, or Online Retail II, as .xlsx, .zip, .parquet or .csv.")
    ],
    from_: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD")] = None,
) -> None:
    """Slice UCI Online Retail into daily deliveries; use it with examples/online_retail/contracts."""
    from tidegate.demo.online_retail import slice_online_retail

    settings = load_settings()
    report = slice_online_retail(
        input,
        _landing_folder(settings),
        first_day=day_of(from_) if from_ else None,
        last_day=day_of(to) if to else None,
    )
    console.print_slices(report, settings.landing)


def _landing_folder(settings: Settings) -> Path:
    """Where the demo may write. Raises TidegateError for what is not a folder, and for deliveries of others."""
    if "://" in settings.landing:
        raise TidegateError(
            f"The demo writes into folders only, and TIDEGATE_LANDING is {settings.landing}. Set it to a folder."
        )
    from tidegate.demo.deliveries import demo_landing

    return demo_landing(Path(settings.landing))
