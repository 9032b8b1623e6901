"""The notice that a partition is published: for each product, once for each content, also after a restatement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from duckdb import DuckDBPyConnection

from tidegate.alerting.config import OWN, Alerting, Ready
from tidegate.alerting.message import Event, Message
from tidegate.alerting.routing import Switchboard
from tidegate.home import Home
from tidegate.lake.sql import CATALOG, on_days, qualified
from tidegate.ledger.alerts import AlertRecord, alerts_since
from tidegate.outputs.pages.files import FILES, files_of
from tidegate.publishing.published import Published, published_since
from tidegate.transform.parsed.measures import measures_of

# What was published longer ago needs no notice: the alerting looks every minute, and a weekend may pass without it.
LATELY = dt.timedelta(days=3)

# A restatement of years ago may come to content that a notice told of long before.
NOTICES_KEPT = dt.timedelta(days=400)

# More figures are for the page.
HEADLINES = 6


def notices(con: DuckDBPyConnection, home: Home, switchboard: Switchboard) -> Iterator[AlertRecord]:
    """The notices that nobody was sent yet, for the outbox."""
    config = switchboard.config
    if not config.ready:
        return
    published = published_since(con, home.products, switchboard.now - LATELY)
    if not published:
        return
    told = [each for each in alerts_since(con, switchboard.now - NOTICES_KEPT) if each.event == Event.ready]
    for ready in config.ready:
        for each in published:
            if ready.products and each.product not in ready.products:
                continue
            yield from _notices_of(con, home, each, ready, switchboard, told)


def _notices_of(
    con: DuckDBPyConnection,
    home: Home,
    published: Published,
    ready: Ready,
    switchboard: Switchboard,
    told: Sequence[AlertRecord],
) -> Iterator[AlertRecord]:
    message = notice(published, switchboard.config)
    for channel in _channels(published, ready, switchboard):
        before = [each for each in told if each.channel == channel and each.subject == _subject(published)]
        is_restated = bool(before)
        if is_restated and (before[-1].dedup_key == message.dedup_key or not ready.restatements):
            continue
        full = notice(published, switchboard.config, headlines(con, home, published), _page(home, published))
        yield switchboard.alert(channel, _subject(published), full, switchboard.now)


def _subject(published: Published) -> str:
    return f"ready/{published.product}/{published.cadence}/{published.day}"


def _channels(published: Published, ready: Ready, switchboard: Switchboard) -> list[str]:
    own = switchboard.people.channels_of_products.get(published.product)
    known = switchboard.config.channels
    found = [own if name == OWN else name for name in ready.to]
    return [name for name in dict.fromkeys(found) if name is not None and name in known]


def notice(published: Published, config: Alerting, figures: Figures | None = None, page: str = "") -> Message:
    """What is said. Its dedup key holds the content: of the same content it is the same notice."""
    name, told = config.name, figures or {}
    rows = ", ".join(f"{mart} {rows:,} rows" for mart, rows in published.rows)
    headline = ", ".join(f"{label} {_shown(value)}" for label, value in told.items())
    happened = "is restated" if published.is_restated else "is published"
    return Message(
        Event.ready,
        "LOW",
        f"{name}/{_subject(published)}/{published.content}",
        f"[{name}] {published.product}: the {published.cadence.singular} {published.day} {happened}",
        (
            *([f"{headline}."] if headline else []),
            f"{rows}.",
            f"At {published.published_at:%Y-%m-%d %H:%M:%S} UTC, content {published.content}.",
        ),
        link=_link(page, config),
        facts={
            "figures": {label: str(value) for label, value in told.items()},
            "restated": published.is_restated,
            "product": published.product,
            "cadence": published.cadence,
            "partition": str(published.day),
            "content": published.content,
            "rows": dict(published.rows),
            "published_at": f"{published.published_at.isoformat(timespec='seconds')}Z",
        },
    )


# What the project calls a measure of the marts, and its value.
Figures = Mapping[str, Decimal | int]


def headlines(con: DuckDBPyConnection, home: Home, published: Published) -> dict[str, Decimal | int]:
    """The measures of the project's semantic models over the partition, those that are not null, a few."""
    found: dict[str, Decimal | int] = {}
    marts = [mart for product in home.products_of(published.cadence) for mart in product.marts]
    for mart in marts:
        measures = measures_of(home.dbt.manifest(), mart.name) if mart.name in dict(published.rows) else {}
        for label, expression in measures.items():
            row = con.execute(
                f"select {expression} from {qualified(CATALOG, 'serving', mart.name)} "
                f"where {on_days(mart.day_column, [published.day])}"
            ).fetchone()
            if row and row[0] is not None and len(found) < HEADLINES:
                found.setdefault(label, row[0])
    return found


def _shown(value: Decimal | int) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _page(home: Home, published: Published) -> str:
    """The page of the partition, beside the index; empty where there is none of it."""
    for maker in home.makers_of(published.cadence):
        if maker.kind.name in FILES and maker.kind.marts & dict(published.rows).keys():
            return next(iter(files_of(maker.kind.name, published.day).values()))
    return ""


def _link(page: str, config: Alerting) -> str:
    return f"{config.reports.rstrip('/')}/{page}" if page and config.reports else ""
