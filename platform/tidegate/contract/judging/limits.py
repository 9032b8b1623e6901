"""Limits of quarantine beside that of the whole delivery: how many rows of a group, and how much of an amount.

One row in quarantine can make a group's figure wrong, however small its share of the delivery is. A row that repeats
another one takes nothing from any figure, so it does not count; one whose group or amount cannot be read could be of
any, so it breaks every limit that is below all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import duckdb

from tidegate.contract.found import Measures
from tidegate.contract.judging.thresholds import percent
from tidegate.contract.model import UNPARSABLE, Contract, LimitFigures, QuarantineLimit
from tidegate.lake.sql import literal, quoted

# Groups that a rejection names, and characters of each.
GROUPS_NAMED = 3
NAME_SHOWN = 40


def limit_figures(
    con: duckdb.DuckDBPyConnection, contract: Contract, judged_table: str
) -> dict[int, dict[QuarantineLimit, LimitFigures]]:
    """What is to be held against each limit of the contract, by `_delivery`."""
    found: dict[int, dict[QuarantineLimit, LimitFigures]] = {}
    for limit in contract.quarantine_limits:
        select = _groups_select if limit.of == "group" else _sum_select
        for delivery, figures in _figures(con.execute(select(contract, limit, judged_table)).fetchall()).items():
            found.setdefault(delivery, {})[limit] = figures
    return found


def broken_limits(contract: Contract, measures: Measures) -> list[str]:
    """What is wrong by each limit that the delivery is above of, in words."""
    return [text for limit in contract.quarantine_limits if (text := _broken(limit, measures))]


def limits_in_words(contract: Contract) -> list[str]:
    return [_in_words(limit) for limit in contract.quarantine_limits]


# --- measuring


def _lost(contract: Contract) -> str:
    """The condition that a row's values are in no figure."""
    repeats = ", ".join(literal(rule.reason) for rule in contract.unique_rules)
    lost = "_reasons is not null"
    return f"{lost} and not list_has_any(_reasons, [{repeats}])" if repeats else lost


def _unknown(contract: Contract, limit: QuarantineLimit) -> str:
    column = contract.column(limit.column)
    return f"list_has_any(_reasons, [{literal(column.invalid)}, {literal(column.missing)}])"


def _groups_select(contract: Contract, limit: QuarantineLimit, judged_table: str) -> str:
    """(delivery, unknown rows, group, lost rows, rows, null), the groups above the limit first, those most above."""
    lost, unknown = _lost(contract), _unknown(contract, limit)
    return f"""
select _delivery, if(is_unknown, lost, 0), name, lost, in_all, null
from (
  select _delivery, name, is_unknown, count(*) filter (where is_lost) as lost, count(*) as in_all
  from (
    select _delivery, {quoted(limit.column)}::varchar as name, coalesce({unknown}, false) as is_unknown,
      {lost} as is_lost
    from {judged_table}
  )
  group by all
)
where lost > 0 and (is_unknown or lost * 100 > in_all * {literal(limit.most)})
order by _delivery, lost / in_all desc, lost desc, name"""


def _sum_select(contract: Contract, limit: QuarantineLimit, judged_table: str) -> str:
    column = contract.column(limit.column)
    total = f"fsum(abs({quoted(column.name)}::double)) filter (where {_lost(contract)})"
    if column.sql_type.startswith("DECIMAL"):
        total = f"round({total}, {int(column.sql_type.rstrip(')').rpartition(',')[2])})"
    return f"""
select _delivery, count(*) filter (where {_unknown(contract, limit)}), null, 0, 0, coalesce({total}, 0)::varchar
from {judged_table} group by _delivery"""


def _figures(rows: list[tuple[int, int, str | None, int, int, str | None]]) -> dict[int, LimitFigures]:
    found: dict[int, LimitFigures] = {}
    for delivery, unknown, name, lost, in_all, total in rows:
        known = found.get(delivery, LimitFigures())
        above = known.above if unknown or not lost else (*known.above, (name, lost, in_all))
        found[delivery] = LimitFigures(known.unknown + unknown, above, Decimal(total or 0))
    return found


# --- words


def _broken(limit: QuarantineLimit, measures: Measures) -> str | None:
    figures: LimitFigures = _of(measures.limits, limit)
    unknown = figures.unknown + measures.reasons.get(UNPARSABLE, 0)
    problems = []
    if limit.of == "group" and figures.above:
        named = ", ".join(_group(*group) for group in figures.above[:GROUPS_NAMED])
        more = len(figures.above) - GROUPS_NAMED
        more_text = f" and {more:,} more" if more > 0 else ""
        problems.append(f"{limit.column} lacks too many of its rows for {named}{more_text}")
    if limit.of == "sum" and figures.total > limit.most:
        problems.append(f"{limit.column} of the rows in quarantine adds up to {_plain(figures.total)}")
    if unknown and (limit.of == "sum" or limit.most < 100):
        problems.append(f"{unknown:,} {'rows' if unknown > 1 else 'row'} in quarantine cannot be read as to it")
    if not problems:
        return None
    return f"{_in_words(limit)[0].upper()}{_in_words(limit)[1:]}: {', and '.join(problems)}"


def _of(limits: Mapping[QuarantineLimit, LimitFigures], limit: QuarantineLimit) -> LimitFigures:
    return limits.get(limit, LimitFigures())


def _group(name: str | None, lost: int, in_all: int) -> str:
    shown = "no value" if name is None else f"'{name[:NAME_SHOWN]}{'…' if len(name) > NAME_SHOWN else ''}'"
    return f"{shown} ({lost:,} of {in_all:,})"


def _in_words(limit: QuarantineLimit) -> str:
    if limit.of == "group":
        return (
            f"at most {percent(limit.most)} of the rows of each {limit.column} may be quarantined "
            "(maxQuarantinedPercentBy)"
        )
    return f"at most {_plain(limit.most)} of {limit.column} may be quarantined (maxQuarantinedSum)"


def _plain(number: Decimal) -> str:
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
