"""What numbers written as text are: their marks, signs and currencies, told by the shapes that they have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tidegate.contract.files import ValueOptions
from tidegate.drafting.words import CURRENCIES

_BLANKS = "\u00a0\u2007\u2009\u202f"
_MINUS = "\u2212"
_BETWEEN = " '\u2019_"
Point = Literal[".", ","]
_CURRENCY = re.compile("|".join(re.escape(word) for word in sorted(CURRENCIES, key=len, reverse=True)))
_CORE = re.compile(r"[0-9][0-9.,' \u2019_]*|[.,][0-9]+")
_EXPONENT = re.compile(r"^[+-]?(?:9+[.,]?9*|[.,]9+)[eE][+-]?9{1,3}$")


@dataclass(frozen=True)
class Numbers:
    """How a column's numbers are written. `places` is how many stand after the point at most, `whole` before it.

    `open`: 1,234 may be a thousand and more, or one and a bit, and nothing in the column decides.
    """

    values: ValueOptions
    whole: int
    places: int
    exponents: bool = False
    open: Literal["", ",", "."] = ""
    leading_zero: str = ""


def numbers_of(shapes: Sequence[str], examples: Sequence[str], decimal: Point | None) -> Numbers | None:
    """How numbers of these shapes are written; None where some are no numbers. `decimal` is what the file's other
    columns, or the person, say of the mark."""
    taken = [_taken_apart(shape) for shape in shapes if not _EXPONENT.match(shape)]
    cores = [each.core for each in taken if each]
    exponents = any(_EXPONENT.match(shape) for shape in shapes)
    if len(cores) != len(taken) or not (cores or exponents):
        return None
    marks = _marks(cores, examples, decimal)
    if marks is None:
        return None
    point = marks.point
    whole = max((len(re.sub("[^9]", "", core.split(point)[0])) for core in cores), default=1)
    places = max((len(core.rpartition(point)[2]) if point in core else 0 for core in cores), default=0)
    found = [each for each in taken if each]
    values = ValueOptions(
        decimal=point,
        thousands=marks.thousands,
        currency=tuple(sorted({word for each in found for word in each.currency})),
        percent="number" if any(each.percent for each in found) else "",
        negatives=tuple(sorted({way for each in found for way in each.negatives})),
    )
    zero = next((text.strip() for text in examples if re.match(r"^0[0-9]", text.strip())), "")
    return Numbers(values, whole, places, exponents, marks.open, zero)


@dataclass(frozen=True)
class _Apart:
    """A number's digits and marks, and what stands around them."""

    core: str
    currency: tuple[str, ...]
    percent: bool
    negatives: tuple[str, ...]


def _taken_apart(shape: str) -> _Apart | None:
    plain = shape.translate(dict.fromkeys(map(ord, _BLANKS), " "))
    currency = tuple(_CURRENCY.findall(plain))
    plain = _CURRENCY.sub("", plain).strip()
    negatives = ["unicode"] if _MINUS in shape else []
    percent = plain.endswith("%")
    plain = plain.rstrip("%").strip() if percent else plain
    if plain.startswith("(") and plain.endswith(")"):
        negatives.append("parentheses")
        plain = plain[1:-1].strip()
    elif plain.endswith(("-", _MINUS)) and len(plain) > 1:
        negatives.append("trailing")
        plain = plain[:-1].strip()
    plain = plain.lstrip("+-" + _MINUS).strip()
    return _Apart(plain, currency, percent, tuple(negatives)) if _CORE.fullmatch(plain) else None


@dataclass(frozen=True)
class _Marks:
    point: Point
    thousands: str = ""
    open: Literal["", ",", "."] = ""


class _Evidence:
    """What the marks in a column's numbers can be: certainly the point, certainly between thousands, or either."""

    def __init__(self) -> None:
        self.points: set[str] = set()
        self.thousands: set[str] = set()
        self.either: set[str] = set()

    def see(self, core: str) -> bool:
        """Whether the number's marks make sense."""
        self.thousands |= {mark for mark in _BETWEEN if mark in core.strip()}
        plain = re.sub(f"[{_BETWEEN}]", "", core)
        used = [mark for mark in plain if mark in ".,"]
        if len(set(used)) == 2:
            if used[-1] == used[0] or len(set(used[:-1])) > 1:
                return False
            self.points.add(used[-1])
            self.thousands.add(used[0])
        elif len(used) > 1:
            self.thousands.add(used[0])
            return bool(re.fullmatch(r"9{1,3}(?:[.,]9{2,3})*[.,]999", plain))
        elif used:
            could_be_both = re.fullmatch(r"9{1,3}[.,]999", plain)
            (self.either if could_be_both else self.points).add(used[0])
        return True


def _marks(cores: Sequence[str], examples: Sequence[str], decimal: Point | None) -> _Marks | None:
    """The point, what separates thousands, and which mark is open to both; None where they contradict each other."""
    seen = _Evidence()
    if not all(seen.see(core) for core in cores):
        return None
    # 0.250 is no quarter of a million.
    seen.points |= {
        mark for mark in seen.either if any(re.match(rf"^\D*0{re.escape(mark)}\d{{3}}\b", e) for e in examples)
    }
    if len(seen.points) > 1 or seen.points & seen.thousands or (not seen.points and len(seen.either) > 1):
        return None
    if not seen.points and seen.either and not seen.either & seen.thousands and not decimal:
        return _Marks(".", "", "," if "," in seen.either else ".")
    point = _point(seen, decimal)
    thousands = seen.thousands | (seen.either - {point})
    if point in thousands:
        return None
    plain = {"'" if mark == "\u2019" else mark for mark in thousands}
    return _Marks(point, "".join(sorted(plain)))


def _point(seen: _Evidence, decimal: Point | None) -> Point:
    if seen.points:
        return "," if "," in seen.points else "."
    if "." in seen.thousands:
        return ","
    return "." if "," in seen.thousands else decimal or "."
