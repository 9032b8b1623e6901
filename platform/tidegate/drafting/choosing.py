"""Choosing a column's type by its values: whatever holds for all of them, and is the most exact; else text."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from duckdb import DuckDBPyConnection

from tidegate.contract.date_patterns import ISO
from tidegate.contract.files import PLAIN_VALUES, ValueOptions
from tidegate.contract.model import Column, LogicalType
from tidegate.drafting import words
from tidegate.drafting.asked import Asked, Field
from tidegate.drafting.choice import Choice, Context, Order
from tidegate.drafting.numbers import Numbers, numbers_of
from tidegate.drafting.profile import SHAPES, Profile, extent, misfits
from tidegate.drafting.times import DIGITS, date_patterns, order_of, possible, timestamp_patterns

# Digits of a decimal: room for a thousand times the greatest value seen, and four places as money has them.
_PLACES = 4
_WIDTH = 18
_MOST_DIGITS = 38
_MOST_PLACES = 10
# An integer column takes a hundred times the greatest value seen.
_INTEGER_DIGITS = 7
_BIGINT_DIGITS = 18
_EPOCHS = {10: "epoch_seconds", 13: "epoch_millis", 16: "epoch_micros"}
# A file of a day holds events of about this long at most: the other reading of 01/02 is a month away.
_NEAR = dt.timedelta(days=40)
_EXAMPLES = 3


class Chooser:
    """Looks at the columns of one table of texts."""

    def __init__(self, con: DuckDBPyConnection, table: str, context: Context) -> None:
        self.con = con
        self.table = table
        self.context = context

    def choose(self, field: Field, name: str, profile: Profile) -> Choice:
        """The type of a column of texts."""
        plain = Choice(name, field.name, held_words=profile.null_words)
        if not profile.given:
            return plain.noting(f"empty in all {profile.rows:,} rows: taken for text", open="it has no value")
        if not profile.shapes:
            return plain.noting(f"only {_listed(profile.null_words)} in {profile.given:,} rows", open="it has no value")
        typed = self._typed(field, plain, profile)
        return self._as_text(plain, profile) if typed is None else self._with_null_words(typed, profile)

    def _typed(self, field: Field, plain: Choice, profile: Profile) -> Choice | None:
        if truth := _truth(plain, profile):
            return truth
        if len(profile.shapes) > SHAPES:
            return None
        return self._time(plain, profile) or self._number(field, plain, profile)

    def _as_text(self, plain: Choice, profile: Profile) -> Choice:
        missing = tuple(word for word in profile.null_words if word in words.PLAIN_NULL_WORDS)
        values = replace(plain.values, null_words=missing, trim=bool(profile.padded))
        notes = _nearly_numbers(profile)
        if missing:
            notes.append(f"{_listed(missing)} stands for no value")
        if profile.padded:
            notes.append(f"{profile.padded:,} values have blanks around them, which are no part of them")
        return plain.noting(*notes, values=values)

    def _with_null_words(self, typed: Choice, profile: Profile) -> Choice:
        if not profile.null_words or typed.values.null_words:
            return typed
        note = f"{_listed(profile.null_words)} stands for no value"
        return typed.noting(note, values=replace(typed.values, null_words=profile.null_words))

    def _fits(self, choice: Choice, profile: Profile) -> bool:
        column = choice.column
        return not misfits(self.con, self.table, choice.name, column, choice.values, profile.null_words)

    # --- numbers

    def _number(self, field: Field, plain: Choice, profile: Profile) -> Choice | None:
        numbers = numbers_of(profile.shapes, profile.examples, self.context.decimal)
        if numbers is None:
            return None
        as_text = self._as_text(plain, profile)
        if numbers.open:
            point, thousands = ("." if numbers.open == "," else ","), numbers.open
            what = f"{_listed(profile.examples)}: '{thousands}' may separate thousands or be the decimal sign"
            return as_text.noting(
                f"{what}; nothing decides, so it is left as text",
                open=f"say which '{thousands}' is with --decimal '{point}' or --decimal '{thousands}'",
            )
        if numbers.leading_zero:
            return as_text.noting(f"digits with a leading zero, such as '{numbers.leading_zero}', are no quantity")
        whole = not numbers.places and not numbers.exponents
        if whole and words.identifies(field.name) and not words.is_money(field.name):
            return as_text.noting("digits only, but the name says that they identify: nobody counts with them")
        if whole and field.quoted:
            return as_text.noting("digits only, but JSON has them in quotes")
        return next(
            (each for each in _number_types(plain, numbers, words.is_money(field.name)) if self._fits(each, profile)),
            None,
        )

    # --- dates and times

    def _time(self, plain: Choice, profile: Profile) -> Choice | None:
        if any(":" in shape for shape in profile.shapes) and self._holds(plain, profile, "time", "TIME"):
            return plain.noting("all values are times of a day", logical_type="time", sql_type="TIME")
        if epoch := self._epoch(plain, profile):
            return epoch
        return self._dates(plain, profile, "date", "DATE", date_patterns()) or self._dates(
            plain, profile, "timestamp", "TIMESTAMP", timestamp_patterns()
        )

    def _holds(self, plain: Choice, profile: Profile, logical_type: LogicalType, sql_type: str) -> bool:
        return self._fits(replace(plain, logical_type=logical_type, sql_type=sql_type), profile)

    def _epoch(self, plain: Choice, profile: Profile) -> Choice | None:
        digits = set(map(len, profile.shapes))
        if len(digits) != 1 or set("".join(profile.shapes)) != {"9"} or not words.is_a_time(plain.delivered):
            return None
        name = _EPOCHS.get(digits.pop())
        if name is None:
            return None
        choice = replace(plain, logical_type="timestamp", sql_type="TIMESTAMP", formats=(name,))
        return (
            choice.noting(f"numbers like {profile.examples[0]} count from 1970")
            if self._fits(choice, profile)
            else None
        )

    def _dates(
        self,
        plain: Choice,
        profile: Profile,
        logical_type: LogicalType,
        sql_type: str,
        patterns: Sequence[str],
    ) -> Choice | None:
        typed = replace(plain, logical_type=logical_type, sql_type=sql_type)
        if all(set(shape) <= set("9+-.eE") and shape.count("-") < 2 for shape in profile.shapes):
            # ISO dates have two hyphens; mere digits are a date only where the name says so.
            patterns = [
                each
                for each in patterns
                if "." in each or (each.startswith(DIGITS) and words.is_a_time(plain.delivered))
            ]
        elif self._fits(typed, profile):
            return typed.noting(_as_iso(profile))
        candidates = list(possible(patterns, profile.examples))
        whole = [each for each in candidates if self._fits(replace(typed, formats=(each,)), profile)]
        if not whole:
            pairs = (
                (ISO, each) if one is None else (one, each)
                for at, each in enumerate(candidates)
                for one in (None, *candidates[:at])
                if one is None or order_of(one) == order_of(each)
            )
            formats = next((pair for pair in _few(pairs) if self._fits(replace(typed, formats=pair), profile)), None)
            if formats is None:
                return None
            return typed.noting(f"written in two ways: {_listed(profile.examples)}", formats=formats)
        return self._decided(typed, profile, whole)

    def _decided(self, typed: Choice, profile: Profile, whole: Sequence[str]) -> Choice:
        """The one of the patterns that evidence speaks for, else text."""
        if len({order_of(each) for each in whole}) == 1:
            order = f"only as {whole[0]} every value is a date, such as {profile.examples[0]!r}"
            return typed.noting(order, formats=(whole[0],))
        extents = {each: self._extent(replace(typed, formats=(each,)), profile) for each in whole}
        if order_wanted := self.context.order:
            fitting = [each for each in whole if _order(each) == order_wanted]
            if fitting:
                return typed.noting(f"{fitting[0]}: {self.context.order_because}", formats=(fitting[0],))
        if self.context.days:
            first, last = min(self.context.days), max(self.context.days)
            near = [
                each
                for each, (least, greatest) in extents.items()
                if least and greatest and least >= first - _NEAR and greatest <= last + dt.timedelta(days=1)
            ]
            if len({order_of(each) for each in near}) == 1:
                because = f"of {' and '.join(whole)}, only {near[0]} puts them near {last}, the day of the file's name"
                return typed.noting(because, formats=(near[0],))
        ahead = dt.datetime.now(dt.UTC).date() + _NEAR
        past = [each for each, (_, most) in extents.items() if most and most <= ahead]
        if past and len({order_of(each) for each in past}) == 1:
            because = f"of {' and '.join(whole)}, only {past[0]} puts none of them far into the future"
            return typed.noting(because, formats=(past[0],))
        readings = ", or ".join(f"{least} to {most} as {each}" for each, (least, most) in extents.items())
        return self._as_text(Choice(typed.name, typed.delivered, held_words=typed.held_words), profile).noting(
            f"{_listed(profile.examples)} are {readings}; nothing decides, so it is left as text",
            open="say which with --dates day-first or --dates month-first",
        )

    def _extent(self, choice: Choice, profile: Profile) -> tuple[dt.date | None, dt.date | None]:
        found = extent(self.con, self.table, choice.name, choice.column, choice.values, profile.null_words)
        least, most = (dt.date.fromisoformat(str(value)[:10]) if value else None for value in found)
        return least, most


def _few(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    # Each costs a look at all rows.
    for _, pair in zip(range(40), pairs, strict=False):
        yield pair


def context_of(
    con: DuckDBPyConnection, table: str, profiles: Sequence[Profile], asked: Asked, days: Sequence[dt.date]
) -> Context:
    """What the columns that decide by themselves say for those that do not."""
    context = Context(asked.decimal, asked.dates, "you said so", tuple(days))
    if context.decimal is None:
        context = _with_decimal(context, profiles)
    return context if context.order else _with_order(con, table, context, profiles)


def _with_decimal(context: Context, profiles: Sequence[Profile]) -> Context:
    points: set[Literal[".", ","]] = set()
    for profile in profiles:
        if profile.shapes and len(profile.shapes) <= SHAPES:
            numbers = numbers_of(profile.shapes, profile.examples, None)
            if numbers and not numbers.open and (numbers.places or numbers.values.thousands.strip(" '_")):
                points.add("," if numbers.values.decimal == "," else ".")
    if len(points) != 1:
        return context
    point = next(iter(points))
    return replace(context, decimal=point)


def _with_order(con: DuckDBPyConnection, table: str, context: Context, profiles: Sequence[Profile]) -> Context:
    chooser = Chooser(con, table, context)
    found: Counter[tuple[Order, str]] = Counter()
    for profile in profiles:
        if (
            not profile.shapes
            or len(profile.shapes) > SHAPES
            or any(c.isalpha() and c not in "TZAPM" for c in profile.shapes[0])
        ):
            continue
        choice = chooser._time(Choice(profile.name, profile.name), profile)
        if choice and choice.formats and not choice.open and (order := _order(choice.formats[0])):
            found[order, profile.name] += 1
    orders = {order for order, _ in found}
    if len(orders) != 1:
        return context
    order, name = next(iter(found))
    return replace(context, order=order, order_because=f"{name} is written so, and there only one reading fits")


def _order(written: str) -> Order | None:
    orders: dict[str, Order] = {"dmy": "day-first", "mdy": "month-first"}
    return orders.get(order_of(written)) if written not in _NAMELESS else None


# Those that no date is written by that could be read in another order.
_NAMELESS = frozenset({"iso", DIGITS})


def _truth(plain: Choice, profile: Profile) -> Choice | None:
    said = {value.strip().lower() for value, _ in profile.values} - {word.lower() for word in profile.null_words} - {""}
    if not profile.values or not said or len(said) > 2:
        return None
    choice = replace(plain, logical_type="boolean", sql_type="BOOLEAN")
    if said <= {"true", "false"}:
        return choice.noting("only true and false")
    if said == {"0", "1"} and words.is_a_truth(plain.delivered):
        return choice.noting("only 0 and 1, and the name says that it is true or not")
    for yes, no in words.TRUTHS:
        if said == {yes, no} and len(said) == 2:
            values = replace(PLAIN_VALUES, true_words=(yes,), false_words=(no,))
            return choice.noting(f"only '{yes}' and '{no}'", values=values)
    return None


def _number_types(plain: Choice, numbers: Numbers, is_money: bool) -> Iterator[Choice]:
    """What a number may be, the most exact first."""
    notes = _notes_on(numbers.values, numbers)
    choice = replace(plain, values=numbers.values)
    fractions = bool(numbers.places or numbers.exponents)
    if not is_money and numbers.whole <= _BIGINT_DIGITS:
        sql_type = "INTEGER" if numbers.whole <= _INTEGER_DIGITS and not fractions else "BIGINT"
        said = ["whole numbers, though written with a point or an exponent"] if fractions else []
        yield choice.noting(*notes, *said, logical_type="integer", sql_type=sql_type)
    if not is_money and not fractions and numbers.whole <= _MOST_DIGITS:
        yield choice.noting(*notes, logical_type="number", sql_type=f"DECIMAL({_MOST_DIGITS},0)")
    if is_money and not fractions:
        notes.append("only whole numbers here, but the name says that it is money")
    if numbers.places:
        notes.append(f"at most {numbers.places} places after the point")
    for places in dict.fromkeys((_PLACES, min(max(numbers.places, _PLACES), _MOST_PLACES))):
        width = _WIDTH if numbers.whole + 3 + places <= _WIDTH else _MOST_DIGITS
        if numbers.whole + places <= _MOST_DIGITS:
            yield choice.noting(*notes, logical_type="number", sql_type=f"DECIMAL({width},{places})")
    rounded = "as many places as a measured value has, so it may be rounded"
    yield choice.noting(*notes, rounded, logical_type="number", sql_type="DOUBLE")


def _notes_on(values: ValueOptions, numbers: Numbers) -> list[str]:
    notes = []
    if values.decimal != "." and numbers.places:
        notes.append(f"'{values.decimal}' is the decimal sign")
    if values.thousands:
        notes.append(f"'{values.thousands}' separates thousands")
    if values.currency:
        notes.append(f"{_listed(values.currency)} stands beside the number")
    if values.percent:
        notes.append("'%' stands behind the number, which is taken as it is written: 5 % is 5")
    if values.negatives:
        notes.append(f"negative numbers are written with {' and '.join(values.negatives)}")
    return notes


def _nearly_numbers(profile: Profile) -> list[str]:
    """What keeps a column of numbers from being one."""
    if len(profile.shapes) > SHAPES:
        return []
    odd = [
        (example, count)
        for shape, example, count in zip(profile.shapes, profile.examples, profile.counts, strict=True)
        if numbers_of([shape], [example], None) is None
    ]
    rows = sum(count for _, count in odd)
    if not odd or 5 * rows > profile.given:
        return []
    return [f"numbers but for {rows:,} of {profile.given:,} values, such as {odd[0][0]!r}: left as text"]


def _as_iso(profile: Profile) -> str:
    return f"every value is as ISO 8601 has it, such as {profile.examples[0]!r}"


def _listed(texts: Sequence[str]) -> str:
    shown = ", ".join(repr(text) for text in texts[:_EXAMPLES])
    return shown + (", ..." if len(texts) > _EXAMPLES else "")


def of_types(field: Field, name: str, whole: bool, exact: bool) -> Choice:
    """The type of a column that its file has a type for. `whole`: a float column holds only integers; `exact`: it
    holds only numbers of four places."""
    base = field.sql_type.upper().partition("(")[0]
    plain = Choice(name, field.name, sampled_as=field.sql_type)
    said = f"the file has it as {field.sql_type}"
    if base in ("HUGEINT", "UHUGEINT"):
        return plain.noting(said, logical_type="number", sql_type="DECIMAL(38,0)")
    if base.endswith("INT") or base == "INTEGER":
        return plain.noting(said, logical_type="integer", sql_type=base)
    if base == "DECIMAL":
        return plain.noting(said, logical_type="number", sql_type=field.sql_type.upper().replace(" ", ""))
    if base in ("FLOAT", "DOUBLE", "REAL"):
        if whole and not words.is_money(field.name):
            return plain.noting(f"{said}, but only with whole numbers", logical_type="integer", sql_type="BIGINT")
        if exact:
            note = f"{said}, but with at most {_PLACES} places"
            return plain.noting(note, logical_type="number", sql_type=f"DECIMAL({_WIDTH},{_PLACES})")
        return plain.noting(f"{said}, and with many places", logical_type="number", sql_type="DOUBLE")
    times: dict[str, tuple[LogicalType, str]] = {
        "DATE": ("date", "DATE"),
        "TIME": ("time", "TIME"),
        "BOOLEAN": ("boolean", "BOOLEAN"),
    }
    if base in times:
        logical_type, sql_type = times[base]
        return plain.noting(said, logical_type=logical_type, sql_type=sql_type)
    if base.startswith("TIMESTAMP"):
        return plain.noting(said, logical_type="timestamp", sql_type="TIMESTAMP")
    return plain.noting(said)


def sampled_column(field: Field, name: str) -> Column:
    """How the sample is read: as text, or by the type that its file has."""
    choice = (
        of_types(field, name, False, False) if field.sql_type.upper() not in ("VARCHAR",) else Choice(name, field.name)
    )
    delivered_as = (field.name,) if field.name != name else ()
    return Column(name, choice.sql_type, choice.logical_type, delivered_as=delivered_as)
