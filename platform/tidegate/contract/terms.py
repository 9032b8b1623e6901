"""A contract's terms: what it promises and by which rules it judges, by name, and how two states of it differ.

The ledger keeps the terms that deliveries were judged by, so that a change can be named after the file has changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.contract.judging.logic import options_of
from tidegate.contract.model import Column, Contract, DeliveryRule

# The wholes that each of these types holds, the narrower first.
_WHOLES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
_DECIMAL = re.compile(r"DECIMAL\((\d+), ?(\d+)\)")


@dataclass(frozen=True)
class Term:
    """What a term says to people, and exactly: two may read alike and judge otherwise."""

    shown: str
    exact: str


Terms = Mapping[str, Term]


@dataclass(frozen=True)
class TermChange:
    """One difference, as a sentence. `breaks` says whether somebody who reads the source may have to follow."""

    sentence: str
    breaks: bool = False


def terms_of(contract: Contract) -> Terms:
    """All that decides which rows and deliveries it lets in, and of what type they are then."""
    terms: dict[str, Term] = {}
    for column in contract.columns:
        terms |= _of_column(column)
    terms["key"] = _plain(", ".join(contract.key) or "none")
    terms["event time"] = _plain(contract.event_time or "none")
    late = contract.allowed_lateness_days
    terms["allowed lateness"] = _plain("any" if late is None else f"{late} days")
    for row_rule in contract.row_rules:
        terms[f"rule {row_rule.reason}"] = Term(row_rule.description, row_rule.broken_when)
    for unique_rule in contract.unique_rules:
        empty = " (no value is like no value)" if unique_rule.nulls_are_alike else ""
        terms[f"rule {unique_rule.reason}"] = Term(unique_rule.description, ", ".join(unique_rule.columns) + empty)
    for delivery_rule in contract.delivery_rules:
        terms[f"rule {delivery_rule.name}"] = _of_delivery(delivery_rule)
    terms["quarantined at most"] = _plain(f"{contract.max_quarantined_percent.normalize():f} %")
    terms |= _of_limits(contract)
    rows = contract.max_quarantined_rows
    terms["quarantined whatever the share"] = _plain("by chance" if rows is None else f"{rows} rows")
    terms["unpacked at most"] = _plain(f"{contract.max_unpacked_ratio} times")
    terms |= _of_deletions(contract)
    if contract.anomaly == "reject":
        terms["unusual row count"] = _plain("rejected")
    for region in contract.regions:
        clock = region.clock
        terms[f"clock of {region.name}"] = _plain(f"{clock.zone.name}, at changes {clock.at_changes}")
        terms |= {f"{name} of {region.name}": _plain(value) for name, value in options_of(region.files)}
    return terms


def _of_deletions(contract: Contract) -> dict[str, Term]:
    if changes := contract.changes:
        deleted = f"{changes.operation} ({', '.join(changes.deletes)}: deleted), the later by {changes.ordered_by}"
        return {"changes": _plain(deleted)}
    return {"snapshot": _plain("whole: what it no longer has is deleted")} if contract.is_snapshot else {}


def _of_limits(contract: Contract) -> dict[str, Term]:
    return {
        f"quarantined at most of {'each ' if limit.of == 'group' else ''}{limit.column}": _plain(
            f"{limit.most.normalize():f}{' %' if limit.of == 'group' else ''}"
        )
        for limit in contract.quarantine_limits
    }


def as_text(terms: Terms) -> str:
    return json.dumps({name: [term.shown, term.exact] for name, term in terms.items()}, sort_keys=True)


def from_text(text: str) -> Terms:
    found: dict[str, list[str]] = json.loads(text)
    return {name: Term(*of_it) for name, of_it in found.items()}


def changed_terms(before: Terms, after: Terms) -> list[TermChange]:
    """What differs, in the order of the terms after, then what is gone."""
    changes = [
        TermChange(_sentence(name, before.get(name), term), _breaks(name, before.get(name), term))
        for name, term in after.items()
        if before.get(name) != term
    ]
    gone = [name for name in before if name not in after]
    return changes + [
        TermChange(f"{name}: gone (it was: {before[name].shown})", name.startswith("column ")) for name in gone
    ]


def says_that_it_breaks(before: str, after: str) -> bool:
    """Whether a version says that readers may have to follow: by a higher first number, or by being none of numbers
    and another."""
    try:
        return int(after.split(".")[0]) > int(before.split(".")[0])
    except ValueError:
        return before != after


def _of_column(column: Column) -> dict[str, Term]:
    found = {
        f"column {column.name}": _plain(column.sql_type),
        f"presence of {column.name}": _plain("required" if column.required else "may be empty"),
    }
    if column.anomaly == "reject":
        found[f"unusual values of {column.name}"] = _plain("rejected")
    if column.formats:
        found[f"writing of {column.name}"] = _plain(" or ".join(column.formats))
    if column.values:
        found[f"values of {column.name}"] = _plain(", ".join(f"{name} {value!r}" for name, value in column.values))
    if column.delivered_as:
        found[f"names of {column.name}"] = _plain(", ".join(column.delivered_as))
    if column.zone:
        found[f"zone of {column.name}"] = _plain(column.zone.name)
    return found


def _of_delivery(rule: DeliveryRule) -> Term:
    threshold = rule.threshold
    limits = " and ".join(f"{limit.normalize():f}" for limit in threshold.limits)
    held = f"{threshold.comparison} {limits} {threshold.unit} ({rule.severity})"
    return Term(held, f"{rule.kind} {rule.measure} {held}")


def _plain(text: str) -> Term:
    return Term(text, text)


def _sentence(name: str, before: Term | None, after: Term) -> str:
    if before is None:
        return f"{name}: new ({after.shown})"
    if before.shown == after.shown:
        return f"{name}: written otherwise ({after.shown})"
    return f"{name}: {before.shown} → {after.shown}"


def _breaks(name: str, before: Term | None, after: Term) -> bool:
    if before is None:
        return False
    if name.startswith("column "):
        return not _is_wider(before.exact.upper(), after.exact.upper())
    return name.startswith("presence of ") or name == "key"


def _is_wider(before: str, after: str) -> bool:
    """Whether every value of the one type is one of the other, of the same kind."""
    if before in _WHOLES and after in _WHOLES:
        return _WHOLES.index(before) <= _WHOLES.index(after)
    one, other = _DECIMAL.fullmatch(before), _DECIMAL.fullmatch(after)
    if one and other:
        (width, scale), (new_width, new_scale) = (tuple(map(int, each.groups())) for each in (one, other))
        return new_scale >= scale and new_width - new_scale >= width - scale
    return before == after
