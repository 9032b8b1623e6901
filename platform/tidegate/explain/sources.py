"""What a source promises, in sentences made from its contract.

    source_page(contract, read_by)   one page: where, when, which columns, which rules, and what if not
    sources_page(contracts)          all sources in one table

`read_by` are the marts that stand on the source.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from tidegate.contract.database import QueriedServer
from tidegate.contract.http import HttpServer
from tidegate.contract.judging.assess import rule_groups
from tidegate.contract.judging.clocks import any_by_clock
from tidegate.contract.judging.limits import limits_in_words
from tidegate.contract.judging.thresholds import wanted
from tidegate.contract.kafka import KafkaServer
from tidegate.contract.landing import FolderServer, S3Server, SftpServer
from tidegate.contract.model import (
    DUPLICATE_KEY,
    UNPARSABLE,
    Clock,
    Column,
    Contract,
    Region,
    Server,
)
from tidegate.contract.product import ProductServer
from tidegate.contract.python import PythonServer
from tidegate.contract.table import TableServer
from tidegate.explain.markdown import block, bullets, code, page, table, text
from tidegate.ledger.names import raw_asset

_CALLED = {"string": "text", "integer": "whole number", "boolean": "truth value", "timestamp": "date and time"}


def sources_page(contracts: Iterable[Contract]) -> str:
    """The sources side by side."""
    rows = [
        (
            f"[{text(contract.source)}]({contract.source}.md)",
            text(contract.title),
            text(contract.owner or "nobody named"),
            _deadline(contract),
            ", ".join(code(region.name) for region in contract.regions),
        )
        for contract in contracts
    ]
    return page(
        "# What the sources promise",
        "One page a source, made from its contract: where and when it delivers, what a row looks like, which rows are "
        "kept out, when a delivery is turned away, and what happens if it does not come.",
        table(("source", "what", "owner", "published by", "regions"), rows),
    )


def source_page(contract: Contract, read_by: Sequence[str]) -> str:
    """Everything that a contract says, in words."""
    return page(
        f"# {text(contract.source)}: {text(contract.title)}",
        text(contract.description),
        bullets(_people(contract)),
        "## Where it lands",
        table(("region", "comes as"), [(code(region.name), _comes_as(region)) for region in contract.regions]),
        _queries(contract),
        "## When it is there, and what if not",
        bullets([*_arrival(contract), *_absence(contract, read_by)]),
        "## Columns",
        table(("column", "type", "value", "meaning"), [_column(contract, column) for column in contract.columns]),
        "## Rows that are kept out",
        f"Each goes to {code('quarantine.' + contract.source)} as it was delivered, with all reasons that apply. The "
        "other rows of its delivery are loaded.",
        table(("reason", "the row"), _row_rules(contract)),
        "## Deliveries that are turned away",
        "Nothing of such a delivery is loaded, what was loaded before stays, and the day is held:",
        bullets(_rejections(contract)),
        _warnings(contract),
        "## As asset checks",
        f"On every asset `{raw_asset(contract.source, '<region>')}`, for each day:",
        table(("check", "is about", "if it fails"), _checks(contract)),
    )


# --- people, places, times


def _people(contract: Contract) -> list[str]:
    return [
        f"**Contract:** {code(contract.label)}, version {text(contract.version)}",
        f"**Owner:** {text(contract.owner or 'nobody named')}",
        f"**Alerts go to:** {code(contract.channel) if contract.channel else 'no channel named'}",
        f"**Published by:** {_deadline(contract)}",
    ]


def _deadline(contract: Contract) -> str:
    if contract.published_by is None:
        return "no time promised"
    return f"{_time_of_day(contract, contract.published_by)}, the day after"


def _time_of_day(contract: Contract, time: dt.time) -> str:
    return f"{time:%H:%M} {contract.zone.name}"


def _comes_as(region: Region) -> str:
    match region.server:
        case FolderServer() as folder:
            places = " and ".join(code(path) for path in (folder.path, *folder.others))
            return f"{_files(region)} in {places} of landing"
        case S3Server() | SftpServer() as server:
            places = " and ".join(code(path) for path in (server.location, *server.others))
            return f"{_files(region)} in {places}"
        case HttpServer() as api:
            return (
                f"pages of a JSON API, {code(api.location)}, whose base stands in {code('$' + api.base_url_variable)}"
            )
        case TableServer() as table:
            by = f", by its column {code(table.day_column)}" if table.day_column else ""
            return f"rows of the table in {table.kind.title()} in {code(table.path)} of landing{by}"
        case PythonServer() as python:
            return f"what the Python function {code(python.function)} yields"
        case KafkaServer() as kafka:
            brokers = code(f"${kafka.connection_variable}")
            return f"messages of the Kafka topic {code(kafka.topic)}, whose brokers stand in {brokers}"
        case ProductServer() as product:
            place = code(f"${product.exports_variable or product.catalog_variable}")
            return f"what another Tidegate home publishes as {code(product.mart)}; where it is stands in {place}"
        case QueriedServer() as database:
            return f"rows of the database in {code('$' + database.connection_variable)}"


def _files(region: Region) -> str:
    named = {"csv": "CSV files", "json": "files of JSON lines", "parquet": "Parquet files"}
    return named[region.files.format] if region.files.format else "files (CSV, JSON lines or Parquet, by their names)"


def _queries(contract: Contract) -> str:
    """What databases are asked, once each."""
    asked = {
        region.server.query: region.name for region in contract.regions if isinstance(region.server, QueriedServer)
    }
    return "\n\n".join(f"{code(name)} is asked:\n\n{block(query, 'sql')}" for query, name in asked.items())


def _arrival(contract: Contract) -> list[str]:
    complete = dict.fromkeys(_complete_when(contract, region.server) for region in contract.regions)
    return [
        f"A delivery is what one region hands over for one day, {contract.zone.name}.",
        *complete,
        *_while_the_day_goes_on(contract),
        *_clocks(contract),
        _lateness(contract),
    ]


def _while_the_day_goes_on(contract: Contract) -> list[str]:
    if contract.intraday is None:
        return []
    minutes = contract.intraday // dt.timedelta(minutes=1)
    every = "minute" if minutes == 1 else f"{minutes} minutes"
    return [f"A day is read every {every} while it goes on, where there is something new, and once it has ended."]


def _clocks(contract: Contract) -> list[str]:
    """By which clock regions write their timestamps, where that is not UTC's."""
    regions: dict[Clock, list[str]] = {}
    for region in contract.regions:
        if not region.clock.zone.is_utc:
            regions.setdefault(region.clock, []).append(code(region.name))
    becomes = {
        "quarantine": "goes into quarantine",
        "earlier": "is the earlier of the two moments that it could be",
        "later": "is the later of the two moments that it could be",
    }
    return [
        f"Timestamps of {', '.join(names)} without an offset are {code(clock.zone.name)} time. One that the clock "
        f"skipped or showed twice when it was changed {becomes[clock.at_changes]}."
        for clock, names in regions.items()
    ]


def _complete_when(contract: Contract, server: Server) -> str:
    match server:
        case TableServer():
            return "It is complete when a version of the table has rows of the day."
        case PythonServer(ready=ready):
            said = f"{code(ready)} says so" if ready else "the function has ended"
            return f"It is complete when {said}, within {server.time_limit_seconds:,} seconds."
        case KafkaServer():
            return (
                "It is the messages that came since the day before, up to the first of each partition that is dated "
                "after the day; a day without any is complete as well."
            )
        case ProductServer():
            return (
                "It is complete when that home has published its day; one that is held or overdue there is waited for."
            )
        case QueriedServer():
            return f"It is complete when the database says so: {code(server.ready_query)}."
        case HttpServer():
            return (
                "It is complete with its last page. All pages of a day must come within "
                f"{server.time_limit_seconds:,} seconds."
            )
    return _files_complete_when(contract)


def _files_complete_when(contract: Contract) -> str:
    match contract.readiness.rule:
        case "marker":
            return "It is complete when a file `_SUCCESS` lies beside its files."
        case "quiet":
            return f"It is complete when nothing of it has changed for {contract.readiness.quiet_minutes} minutes."
        case "all_regions":
            return "It is complete when every region has delivered something."


def _lateness(contract: Contract) -> str:
    if contract.event_time is None:
        return "Every row counts for the day that it was delivered for."
    event = code(contract.event_time)
    if contract.allowed_lateness_days is None:
        return f"{event} says when a row happened. It may come any time later, and then restates the day it belongs to."
    days = contract.allowed_lateness_days
    return (
        f"{event} says when a row happened. It may come up to {days} day{'' if days == 1 else 's'} later, and then "
        "restates the day it belongs to."
    )


def _absence(contract: Contract, read_by: Sequence[str]) -> list[str]:
    time = contract.published_by
    by = f"by {_time_of_day(contract, time)} on the day after" if time else "when its day is run"
    missing = {
        "wait": f"A region that is not there {by} holds the day until it is; consumers keep the last good version.",
        "publish_without": f"A region that is not there {by} is left out: the day is published without it, and "
        "restated when it comes.",
    }
    down = (
        "While the source is down, its newest good delivery of an earlier day stands in, with a warning, until it is "
        "back."
        if contract.fallback == "last_good"
        else "While the source is down, its days wait; what it delivered before stays."
    )
    marts = ", ".join(f"[{text(mart)}](../marts/{mart}.md)" for mart in read_by)
    return [
        missing[contract.on_missing],
        down,
        f"These marts stand on it: {marts}." if marts else "No mart stands on it, so no day waits for it.",
    ]


# --- columns and rules


def _column(contract: Contract, column: Column) -> tuple[str, str, str, str]:
    value = "required" if column.required else "may be missing"
    if column.name in contract.key:
        value = "part of the key" if column.required else "part of the key, may be missing"
    return code(column.name), code(column.sql_type.lower()), value, text(column.description)


def _row_rules(contract: Contract) -> list[tuple[str, str]]:
    rules = [(UNPARSABLE, "cannot be split into the columns")]
    rules += [(column.missing, f"has no {column.name}") for column in contract.columns if column.required]
    rules += [
        (column.invalid, f"has a {column.name} that is no {_CALLED.get(column.logical_type, column.logical_type)}")
        for column in contract.columns
    ]
    for column in contract.columns:
        if any_by_clock(contract, column):
            rules.append((column.nonexistent, f"has a {column.name} that the clock skipped when it was changed"))
            rules.append((column.ambiguous, f"has a {column.name} that the clock showed twice when it was changed"))
    rules += [(rule.reason, f"breaks the rule: {rule.description}") for rule in contract.row_rules]
    rules += [(rule.reason, _repeats(rule.reason, rule.columns)) for rule in contract.unique_rules]
    return [(code(reason), f"{text(sentence.rstrip('.'))}.") for reason, sentence in rules]


def _repeats(reason: str, columns: tuple[str, ...]) -> str:
    what = "key" if reason == DUPLICATE_KEY else "values"
    return f"has the same {what} ({', '.join(columns)}) as a later sound row of its delivery, which is loaded"


def _rejections(contract: Contract) -> list[str]:
    limit = f"{contract.max_quarantined_percent.normalize():f} %"
    required = ", ".join(code(name) for name in contract.required)
    return [
        f"more than {limit} of its rows are kept out;",
        *(f"this is broken: {text(sentence)};" for sentence in limits_in_words(contract)),
        *([f"it lacks one of the columns {required};"] if required else []),
        *(_measured(contract, "error")),
        "a file of it cannot be read.",
    ]


def _warnings(contract: Contract) -> str:
    warned = [
        *_measured(contract, "warning"),
        "it has columns that the contract does not know (they are not loaded), or lacks one that is not required;",
        "rows of it were kept out.",
    ]
    return f"A delivery is loaded with a warning when:\n\n{bullets(warned)}"


def _measured(contract: Contract, severity: str) -> list[str]:
    return [
        f"{code(rule.name)} does not hold: it {text(wanted(rule))}. {text(_sentence(rule.description))}"
        for rule in contract.delivery_rules
        if rule.severity == severity
    ]


def _checks(contract: Contract) -> list[tuple[str, str, str]]:
    return [
        (code(group.name), text(group.dimension), "the day is held" if group.blocking else "it warns")
        for group in rule_groups(contract)
    ]


def _sentence(clause: str) -> str:
    clause = clause.rstrip(".")
    return f"{clause[:1].upper()}{clause[1:]}." if clause else ""


def readers_of(sources: Iterable[str], marts: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    """By source, the marts that stand on it, given the sources behind each mart."""
    return {source: sorted(mart for mart, behind in marts.items() if source in behind) for source in sources}
