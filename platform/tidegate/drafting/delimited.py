"""How a delimited or fixed-width text is written: its delimiter, quotes, header, and the lines around its data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from tidegate.contract.files import CsvOptions, FileOptions, FixedWidthOptions, TextOptions
from tidegate.drafting.asked import Asked, Field, Note, Written
from tidegate.intake.files.csv_text import Dialect, parse_record

_DELIMITERS = (",", ";", "\t", "|", "~", "^", "\x1f", "||")
_SHOWN = {"\t": "tab", "\x1f": "unit separator"}
# Enough to see how a file is written; the rest is read by it, and proves or disproves it.
_RECORDS = 5_000
# Of these the delimiter is told: it is tried in every way that there is, each in Python.
_RECORDS_TO_TELL_BY = 400
# The reader looks for a footer in the last lines only.
_FOOTER_LINES = 20
_TOTAL = re.compile(r"^\W*(grand total|sub-?total|total|totals|sum|summe|gesamt|totale|count|end|eof|trailer)\b", re.I)
_TYPED = re.compile(r"^[\s(+-]*[$€£¥]?\s*\d[\d.,:/ T%)+-]*\s*[€%]?$")
# Of a first record: an encoded empty name is no name.
_QUOTED_SINGLE = re.compile(r"(?:^|[,;|\t])'[^']*'(?=$|[,;|\t\r])")


@dataclass(frozen=True)
class _Record:
    line: int
    fields: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class _Cut:
    """A text cut into records by one dialect, blank lines and comments left out."""

    dialect: Dialect
    records: tuple[_Record, ...]

    @cached_property
    def width(self) -> int:
        """How many fields most records have."""
        counted = Counter(len(record.fields) for record in self.records)
        return max(counted, key=lambda width: (counted[width], width), default=0)

    @property
    def score(self) -> tuple[float, float, int]:
        """The share of lines that are as wide as most, that of filled fields in them, and how many fields they have."""
        fitting = [record for record in self.records if len(record.fields) == self.width]
        if self.width <= 1:
            return (0.0, 0.0, 0)
        filled = sum(bool(field) for record in fitting for field in record.fields) / (len(fitting) * self.width)
        return (round(len(fitting) / len(self.records), 2), round(filled, 1), self.width)


def how_delimited(text: str, encoding: str, asked: Asked) -> Written:
    """How the text of a CSV file, or one of fixed widths, is written."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    comment = _comment(text)
    delimiters = (asked.delimiter,) if asked.delimiter else _DELIMITERS
    dialects = [
        Dialect(each.encode(), quote.encode(), escape.encode(), comment.encode())
        for quote, escape in _quotes(text)
        for each in delimiters
    ]
    data = text.encode("utf-8", "surrogatepass")
    tried = (_Cut(each, tuple(_records(data, each, _RECORDS_TO_TELL_BY))) for each in dialects)
    dialect = max(tried, key=lambda each: each.score).dialect
    cut = _Cut(dialect, tuple(_records(data, dialect, _RECORDS)))
    options = FileOptions("csv", TextOptions(encoding=encoding, comment=comment))
    if cut.width <= 1 and not asked.delimiter and (widths := _widths(text)):
        return _fixed_width(text, widths, options)
    delimiter, quote, escape = (
        each.decode() for each in (cut.dialect.delimiter, cut.dialect.quote, cut.dialect.escape)
    )
    csv = CsvOptions(delimiter if cut.width > 1 or asked.delimiter else ",", quote, escape)
    return _with_lines_around(cut, replace(options, csv=csv), comment)


def _with_lines_around(cut: _Cut, options: FileOptions, comment: str) -> Written:
    """The options with what stands around the rows, and how rows and header are told apart."""
    body, footer, width = _parts(cut)
    notes = _notes_on(cut, options, comment)
    text = options.text
    if body and body[0].line > 1 and cut.records[0] is not body[0]:
        text = replace(text, skip_lines=body[0].line - 1)
        notes.append(Note("skipLines", f"the lines before the header, such as {_shown(cut.records[0].text)}"))
    if footer and len(footer) <= _FOOTER_LINES:
        text, note = _with_footer(text, footer, body)
        notes.append(note)
    has_header, why = _has_header(body)
    notes.append(Note("header", why))
    names = tuple(field.strip() for field in body[0].fields) if body else ()
    if not has_header:
        names = tuple(f"column_{at}" for at in range(1, width + 1))
        notes.append(Note("columnNames", "no line names the columns: give them names here and below"))
    text = replace(text, header=has_header, names=() if has_header else names)
    csv, short = options.csv, [record for record in body[1:] if len(record.fields) < width]
    if short and all(len(record.fields) > 1 for record in short):
        csv = replace(csv, short_rows="fill")
        first = f"the first of them line {short[0].line}"
        notes.append(Note("shortRows", f"{len(short):,} lines lack their last fields, {first}"))
    fields, left_out = _fields(names)
    return Written(replace(options, text=text, csv=csv), fields, tuple(notes), left_out)


def _parts(cut: _Cut) -> tuple[list[_Record], list[_Record], int]:
    """Header and rows, what stands below them, and how many fields a row has."""
    width = cut.width
    fitting = [at for at, record in enumerate(cut.records) if len(record.fields) == width]
    first, last = (_header_at(cut, fitting), fitting[-1]) if fitting else (0, len(cut.records) - 1)
    if first and _ends_with_delimiter(cut, fitting) and len(cut.records[first - 1].fields) == width - 1:
        # Rows end with a delimiter that the header does not have.
        first, width = first - 1, width - 1
    body, footer = list(cut.records[first : last + 1]), list(cut.records[last + 1 :])
    while len(body) > 2 and _is_total(body[-1], body[:-1]):
        footer.insert(0, body.pop())
    return body, footer, width


def _notes_on(cut: _Cut, options: FileOptions, comment: str) -> list[Note]:
    notes, csv = [], options.csv
    if cut.width > 1:
        fitting = sum(len(record.fields) == cut.width for record in cut.records)
        shown = _SHOWN.get(csv.delimiter, csv.delimiter)
        notes.append(
            Note("delimiter", f"{fitting:,} of {len(cut.records):,} lines have {cut.width} fields with it ('{shown}')")
        )
    if comment:
        notes.append(Note("comment", f"lines that begin with '{comment}' are no rows"))
    if csv.quote != '"':
        notes.append(Note("quote", f"values stand in {csv.quote}"))
    elif csv.escape != csv.quote:
        notes.append(Note("escape", 'a quote inside of a value is written as \\"'))
    return notes


def _header_at(cut: _Cut, fitting: Sequence[int]) -> int:
    """The first record that is as wide as most, or below a blank line the first that has only names."""
    first = fitting[0]
    for before, at in pairwise(fitting[:6]):
        follows_blank = cut.records[at].line > cut.records[at - 1].line + 1
        if follows_blank and not _may_be_names(cut.records[first]) and _may_be_names(cut.records[at]):
            return at
        if before - first > 1:
            break
    return first


def _may_be_names(record: _Record) -> bool:
    return all(field.strip() and not _TYPED.match(field.strip()) for field in record.fields)


def _ends_with_delimiter(cut: _Cut, fitting: Sequence[int]) -> bool:
    return all(not cut.records[at].fields[-1] for at in fitting)


def _fields(names: Sequence[str]) -> tuple[tuple[Field, ...], tuple[Note, ...]]:
    counted = Counter(" ".join(name.split()).lower() for name in names)
    left_out = []
    for name in dict.fromkeys(names):
        if not name:
            left_out.append(Note("(no name)", "the header gives it no name"))
        elif counted[" ".join(name.split()).lower()] > 1:
            left_out.append(Note(name, "the header has the name more than once, and nobody can tell which is meant"))
    lost = {note.about for note in left_out}
    return tuple(Field(name) for name in names if name and name not in lost), tuple(left_out)


def _records(data: bytes, dialect: Dialect, most: int) -> Iterator[_Record]:
    at, line, count = 0, 1, 0
    comment = dialect.comment
    while at < len(data) and count < most:
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        one_line = data[at:end]
        if not one_line.strip() or (comment and one_line.startswith(comment)):
            at, line = end + 1, line + 1
            continue
        fields, until = _record_at(data, at, one_line, dialect)
        raw = data[at : min(until, len(data))]
        yield _Record(
            line,
            tuple(field.decode("utf-8", "replace") for field in fields),
            raw.decode("utf-8", "replace").rstrip("\n"),
        )
        count, line, at = count + 1, line + max(1, raw.count(b"\n")), until


def _record_at(data: bytes, at: int, line: bytes, dialect: Dialect) -> tuple[list[bytes], int]:
    """The fields of the record that begins with this line, and where it ends. A line that is no record is one field."""
    if not any(each in line for each in dialect.odd):
        return line.split(dialect.delimiter), at + len(line) + 1
    return parse_record(data, at, dialect) or ([line], at + len(line) + 1)


def _comment(text: str) -> str:
    lines = text.split("\n", 200)[:200]
    marked = [line for line in lines if line.startswith("#")]
    # A header may begin so too: "#,name,amount".
    return "#" if marked and not (len(marked) == 1 and lines[0].startswith("#") and _like(lines)) else ""


def _like(lines: Sequence[str]) -> bool:
    return any(
        lines[0].count(mark) and lines[0].count(mark) == lines[1].count(mark) for mark in _DELIMITERS if lines[1:]
    )


def _quotes(text: str) -> list[tuple[str, str]]:
    """Which quotes the text may have, with what stands before one that is no end."""
    head = text[: 1 << 20]
    if '\\"' in head and re.search(r'(?:^|[,;|\t])"[^"\n]*\\"', head, re.MULTILINE):
        return [('"', "\\")]
    if '"' not in head and re.search(_QUOTED_SINGLE.pattern, head, re.MULTILINE):
        return [('"', '"'), ("'", "'")]
    return [('"', '"')]


def _is_total(record: _Record, before: Sequence[_Record]) -> bool:
    """Whether the record is a line of totals: it is called so, and no other row is."""
    called = next((field for field in record.fields if field.strip()), "")
    alike = re.match(r"\W*[A-Za-z]+", called)
    return bool(_TOTAL.search(called)) and not any(
        alike and other.fields and other.fields[0].startswith(alike[0]) for other in before[1:]
    )


def _with_footer(text: TextOptions, footer: Sequence[_Record], body: Sequence[_Record]) -> tuple[TextOptions, Note]:
    shown = f"the last lines are no rows: {_shown(footer[0].text)}"
    word = re.match(r"[\W_]*[A-Za-z][A-Za-z ]*[A-Za-z]|[^\w\s]{3,}", footer[0].text)
    if word:
        pattern = "^" + re.escape(word[0]).replace(r"\ ", " ").replace('\\"', '"').replace(r"\;", ";")
        if not any(re.search(pattern, record.text) for record in body[-_FOOTER_LINES:]):
            return replace(text, footer=pattern), Note("footer", shown)
    return replace(text, footer_lines=len(footer)), Note("footerLines", f"{shown}; every file must have as many")


def _has_header(body: Sequence[_Record]) -> tuple[bool, str]:
    if not body:
        return True, "there is no row to tell"
    first, rows = body[0].fields, body[1:]
    typed = [at for at, field in enumerate(first) if _TYPED.match(field.strip())]
    if typed:
        return False, f"the first line has values, such as {_shown(first[typed[0]])}, and no names"
    below = any(_TYPED.match(field.strip()) for row in rows[:50] for field in row.fields)
    if below or not rows:
        return True, "the first line has no number or date, the others do" if rows else "the only line has names"
    known = {field.strip() for row in rows for field in row.fields}
    if any(field.strip() in known for field in first if field.strip()):
        return False, "values of the first line come again below it, so it is taken for a row"
    return True, "all values are texts, and those of the first line do not come again: it is taken for names"


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= 60 else flat[:60] + " ...")


# --- fixed widths


def _widths(text: str) -> tuple[int, ...]:
    """Where fields begin: after a column of blanks in every line. Nothing where no line has any."""
    lines = [line for line in text.split("\n")[:_RECORDS] if line.strip()]
    longest = max(map(len, lines), default=0)
    # Of texts of any length nothing is a column.
    if len(lines) < 3 or sum(len(line) == longest for line in lines) < 0.9 * len(lines):
        return ()
    blank = [all(at >= len(line) or line[at] == " " for line in lines) for at in range(longest)]
    starts = [at for at in range(longest) if not blank[at] and (at == 0 or blank[at - 1])]
    ends = [*starts[1:], longest]
    widths = [end - start for start, end in zip([0, *starts[1:]], ends, strict=True)]
    return tuple(_named_widths(widths, list(_sliced(lines[0], widths)))) if len(starts) > 1 else ()


def _named_widths(widths: Sequence[int], names: Sequence[str]) -> list[int]:
    """The widths with those joined that have no name of their own: a date and its time have a blank between."""
    joined: list[int] = []
    for width, name in zip(widths, names, strict=True):
        if joined and not name:
            joined[-1] += width
        else:
            joined.append(width)
    return joined


def _fixed_width(text: str, widths: tuple[int, ...], options: FileOptions) -> Written:
    lines = [line for line in text.split("\n")[:_RECORDS] if line.strip()]
    rows = [_Record(at + 1, tuple(_sliced(line, widths)), line) for at, line in enumerate(lines)]
    has_header, why = _has_header(rows)
    names = rows[0].fields if has_header else tuple(f"column_{at}" for at in range(1, len(widths) + 1))
    notes = [
        Note("widths", "fields begin where every line has a blank before: check them against the source's description"),
        Note("header", why),
    ]
    text_options = replace(options.text, header=has_header, names=() if has_header else names)
    fixed = replace(options, format="fixed_width", text=text_options, fixed_width=FixedWidthOptions(widths))
    fields, left_out = _fields(names)
    return Written(fixed, fields, tuple(notes), left_out)


def _sliced(line: str, widths: Sequence[int]) -> Iterator[str]:
    at = 0
    for width in widths:
        yield line[at : at + width].strip()
        at += width
