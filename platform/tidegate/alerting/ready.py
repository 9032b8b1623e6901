"""The notice that a partition is published: for each product, once for each content, also after a restatement."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.alerting.config import OWN, Ready
from tidegate.alerting.message import Event, Message
from tidegate.alerting.routing import Switchboard
from tidegate.home import Home
from tidegate.lake.sql import literal, sql_file
from tidegate.ledger.alerts import AlertRecord, alerts_since
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import Cadence

# What was published longer ago needs no notice: the alerting looks every minute, and a weekend may pass without it.
LATELY = dt.timedelta(days=3)

# A restatement of years ago may come to content that a notice told of long before.
NOTICES_KEPT = dt.timedelta(days=400)


@dataclass(frozen=True)
class Published:
    """A partition of a product as it stands: `content` is a hash over its marts', `rows` those of each."""

    product: str
    cadence: Cadence
    day: dt.date
    content: str
    rows: tuple[tuple[str, int], ...]
    published_at: dt.datetime

    @property
    def subject(self) -> str:
        return f"ready/{self.product}/{self.cadence}/{self.day}"


def notices(con: DuckDBPyConnection, home: Home, switchboard: Switchboard) -> Iterator[AlertRecord]:
    """The notices that nobody was sent yet, for the outbox."""
    config = switchboard.config
    if not config.ready:
        return
    published = published_lately(con, home, switchboard.now - LATELY)
    if not published:
        return
    told = [each for each in alerts_since(con, switchboard.now - NOTICES_KEPT) if each.event == Event.ready]
    for ready in config.ready:
        for each in published:
            if ready.products and each.product not in ready.products:
                continue
            yield from _notices_of(each, ready, switchboard, told)


def _notices_of(
    published: Published, ready: Ready, switchboard: Switchboard, told: Sequence[AlertRecord]
) -> Iterator[AlertRecord]:
    message = notice(published, switchboard.config.name)
    for channel in _channels(published, ready, switchboard):
        before = [each for each in told if each.channel == channel and each.subject == published.subject]
        is_restated = bool(before)
        if is_restated and (before[-1].dedup_key == message.dedup_key or not ready.restatements):
            continue
        yield switchboard.alert(channel, published.subject, message, switchboard.now)


def _channels(published: Published, ready: Ready, switchboard: Switchboard) -> list[str]:
    own = switchboard.people.channels_of_products.get(published.product)
    known = switchboard.config.channels
    found = [own if name == OWN else name for name in ready.to]
    return [name for name in dict.fromkeys(found) if name is not None and name in known]


def notice(published: Published, name: str) -> Message:
    """What is said. Its dedup key holds the content: of the same content it is the same notice."""
    figures = ", ".join(f"{mart} {rows:,} rows" for mart, rows in published.rows)
    return Message(
        Event.ready,
        "LOW",
        f"{name}/{published.subject}/{published.content}",
        f"[{name}] {published.product}: the {published.cadence.singular} {published.day} is published",
        (f"{figures}.", f"At {published.published_at:%Y-%m-%d %H:%M:%S} UTC, content {published.content}."),
        facts={
            "product": published.product,
            "cadence": published.cadence,
            "partition": str(published.day),
            "content": published.content,
            "rows": dict(published.rows),
            "published_at": f"{published.published_at.isoformat(timespec='seconds')}Z",
        },
    )


def published_lately(con: DuckDBPyConnection, home: Home, since: dt.datetime) -> list[Published]:
    """The partitions of which anything was published since (UTC, naive), as they stand."""
    query = sql_file("tidegate.alerting", "published_lately.sql", since=literal(since))
    shown: dict[tuple[Cadence, dt.date], dict[str, tuple[int, str, dt.datetime]]] = defaultdict(dict)
    for cadence, day, mart, rows, content, published_at in con.execute(query).fetchall():
        shown[Cadence(cadence), day][mart] = (rows, content, published_at)
    return [
        _published(product, day, marts)
        for (cadence, day), marts in shown.items()
        for product in home.products_of(cadence)
        # A product is published whole, so one that lacks a mart is being changed.
        if product.names and product.names <= marts.keys()
    ]


def _published(product: GateRequirements, day: dt.date, shown: dict[str, tuple[int, str, dt.datetime]]) -> Published:
    marts = {name: shown[name] for name in sorted(product.names)}
    contents = hashlib.sha256(repr([(name, content) for name, (_, content, _) in marts.items()]).encode())
    return Published(
        product.product,
        product.cadence,
        day,
        contents.hexdigest()[:16],
        tuple((name, rows) for name, (rows, _, _) in marts.items()),
        max(published_at for _, _, published_at in marts.values()),
    )
