"""The drafted contract as YAML, each choice with its evidence as a comment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tidegate.contract.files import FileOptions, ValueOptions
from tidegate.drafting import words
from tidegate.drafting.asked import Note
from tidegate.drafting.choice import Choice
from tidegate.drafting.keys import Found
from tidegate.drafting.served import Served

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_ -]*[A-Za-z0-9_]|[A-Za-z]")
_OTHERWISE_READ = {"yes", "no", "on", "off", "true", "false", "null", "y", "n", "none"}
_WIDTH = 110


@dataclass(frozen=True)
class Content:
    """All that a draft says."""

    source: str
    samples: Sequence[str]
    rows: int
    options: FileOptions
    choices: Sequence[Choice]
    found: Found
    notes: Sequence[Note]
    left_out: Sequence[Note]
    unsettled: Sequence[str] = ()
    # The API that gives each day, or what fills landing instead.
    served: Served | None = None
    unserved: str = ""


def contract_text(content: Content) -> str:
    """The contract file."""
    shared = _shared(content.choices)
    lines = [*_head(content), *_server(content), *_schema(content, shared), *_custom(content, shared)]
    return "\n".join(lines) + "\n"


def _head(content: Content) -> Iterator[str]:
    named = ", ".join(content.samples[:3]) + (", ..." if len(content.samples) > 3 else "")
    yield from _comment("", f"Drafted by `tidegate contract draft` from {named}: {content.rows:,} rows.")
    yield from _comment("", "What is behind a # says why. Read it, correct it, and say what the columns mean.")
    yield "# Every field and rule is explained in docs/contracts.md."
    for text in content.unsettled:
        yield from _comment("", f"NOT SETTLED: {text}")
    yield from (
        *(
            "apiVersion: v3.1.0",
            "kind: DataContract",
            f"id: {scalar(content.source)}",
            f"name: {scalar(content.source)}",
        ),
        *("version: 1.0.0", "status: draft", "description:", "  purpose: To be said by its owner.", ""),
    )


def _server(content: Content) -> Iterator[str]:
    if content.served:
        yield from _api(content.served)
        return
    yield from _comment("", content.unserved)
    path = scalar(f"{content.source}/{{day}}")
    yield "# One server for each region that delivers. A day's files are complete when _SUCCESS lies beside them;"
    yield "# `readiness` says otherwise (docs/contracts.md)."
    yield "servers:"
    written = content.options.format or "auto"
    yield f"  - {{server: main, type: local, path: {path}, format: {written}}}"
    yield ""


def _api(served: Served) -> Iterator[str]:
    yield from _comment("", served.sentence)
    yield from ("servers:", "  - server: main", "    type: api", f"    location: {scalar(served.location)}")
    yield from ("    customProperties:", f"      - {{property: baseUrlVariable, value: {served.variable}}}")
    yield from _comment("      ", f"Pages: {served.evidence}.")
    yield from (f"      - {{property: {name}, value: {scalar(value)}}}" for name, value in served.properties)
    yield ""


def _schema(content: Content, shared: ValueOptions) -> Iterator[str]:
    yield from ("schema:", f"  - name: {scalar(content.source)}")
    yield from _comment("    ", _of("key", content.notes))
    for note in content.left_out:
        yield from _comment("    ", f"Left out: {note.about}: {note.text}.")
    yield "    properties:"
    for choice in content.choices:
        yield from _column(choice, content, shared)
    yield ""


def _column(choice: Choice, content: Content, shared: ValueOptions) -> Iterator[str]:
    # What comes of the sample goes behind #, and can never be more than a comment.
    yield from _comment("      ", "; ".join((*choice.notes, *([choice.open.capitalize()] if choice.open else []))))
    yield f"      - name: {scalar(choice.name)}"
    if choice.delivered != choice.name:
        yield f"        physicalName: {scalar(choice.delivered)}"
    yield f"        logicalType: {choice.logical_type}"
    if choice.logical_type in ("integer", "number"):
        yield f"        physicalType: {choice.sql_type.lower()}"
    if choice.name in content.found.key:
        yield "        primaryKey: true"
        if len(content.found.key) > 1:
            yield f"        primaryKeyPosition: {content.found.key.index(choice.name) + 1}"
    elif choice.required:
        yield "        required: true"
    if choice.personal:
        yield "        classification: confidential"
        yield f"        tags: [personal, {scalar(choice.personal)}]"
    yield from _options(choice)
    if choice.enum:
        yield "        enum:"
        yield from (f"          - value: {scalar(value)}" for value in choice.enum)
    if own := _values(choice, shared):
        yield "        customProperties:"
        yield from (f"          - {{property: {name}, value: {value}}}" for name, value in own)


def _options(choice: Choice) -> Iterator[str]:
    options = {}
    if choice.formats:
        formats = [scalar(each) for each in choice.formats]
        options["format"] = formats[0] if len(formats) == 1 else f"[{', '.join(formats)}]"
    elif choice.text_format:
        options["format"] = choice.text_format
    if choice.minimum is not None:
        options["minimum"] = choice.minimum
    if choice.maximum is not None:
        options["maximum"] = choice.maximum
    if options:
        yield "        logicalTypeOptions:"
        yield from (f"          {name}: {value}" for name, value in options.items())


# --- how values are written


def _shared(choices: Sequence[Choice]) -> ValueOptions:
    """What is said once for all columns: the decimal sign, and words for none that are no value of any text."""
    numbers = [c for c in choices if c.logical_type in ("integer", "number") and c.sampled_as == "VARCHAR"]
    fractions = {c.values.decimal for c in numbers if c.logical_type == "number"}
    decimal = fractions.pop() if len(fractions) == 1 else "."
    thousands = "".join(dict.fromkeys(mark for c in numbers for mark in c.values.thousands if mark != decimal))
    typed = dict.fromkeys(word for c in choices if c.logical_type != "string" for word in c.values.null_words)
    texts = {word for c in choices if c.logical_type == "string" for word in c.held_words}
    nulls = tuple(word for word in typed if word in words.PLAIN_NULL_WORDS or word not in texts)
    return ValueOptions(null_words=nulls, decimal=decimal, thousands=thousands)


def _values(choice: Choice, shared: ValueOptions) -> list[tuple[str, str]]:
    """What a column says itself of how its values are written."""
    values = choice.values
    is_truth = choice.logical_type == "boolean" and bool(values.true_words)
    is_number = choice.logical_type in ("integer", "number") and choice.sampled_as == "VARCHAR"
    has_own_point = choice.logical_type == "number" and values.decimal != shared.decimal
    has_own_marks = is_number and (has_own_point or not set(values.thousands) <= set(shared.thousands))
    written = [
        (not set(values.null_words) <= set(shared.null_words), "nullWords", [*shared.null_words, *values.null_words]),
        (values.trim, "trim", "true"),
        (is_truth, "trueWords", values.true_words),
        (is_truth, "falseWords", values.false_words),
        (has_own_marks, "decimal", scalar(values.decimal)),
        (has_own_marks and bool(values.thousands or shared.thousands), "thousands", values.thousands),
        (is_number and bool(values.currency), "currency", values.currency),
        (is_number and bool(values.percent), "percent", values.percent),
        (is_number and bool(values.negatives), "negatives", values.negatives),
    ]
    return [
        (name, value if isinstance(value, str) and name != "thousands" else _list(value))
        for is_said, name, value in written
        if is_said
    ]


# --- the contract's own properties


def _custom(content: Content, shared: ValueOptions) -> Iterator[str]:
    notes = content.notes
    # An API's records are said with its server.
    files = [] if content.served else _file_properties(content.options)
    written = [*files, *_shared_properties(shared), *_event_properties(content.found)]
    said = {name for name, _ in written}
    for note in notes:
        if note.about in ("eventTime", "format", "header", "encoding") and note.about not in said:
            yield from _comment("", f"{note.about}: {note.text}.")
    yield "customProperties:"
    for name, value in written:
        yield from _comment("  ", _of(name, notes))
        yield from (f"  - property: {name}", f"    value: {value}")
    yield "  # As much of a delivery may be kept out; above it, the delivery is rejected as a whole."
    yield from ("  - property: maxQuarantinedPercent", "    value: 5")


def _file_properties(options: FileOptions) -> list[tuple[str, str]]:
    """The options that are not as they are by default."""
    text, csv, path = options.text, options.csv, (*options.json.records, *options.xml.records)
    is_text, is_csv = options.format in ("csv", "fixed_width"), options.format == "csv"
    written = [
        (is_text and text.encoding != "utf-8", "encoding", scalar(text.encoding)),
        (is_text and not text.header, "header", "false"),
        (is_text and not text.header, "columnNames", _list(text.names)),
        (bool(text.skip_lines), "skipLines", str(text.skip_lines)),
        (bool(text.comment), "comment", scalar(text.comment)),
        (bool(text.footer), "footer", scalar(text.footer)),
        (bool(text.footer_lines), "footerLines", str(text.footer_lines)),
        (is_csv and csv.delimiter != ",", "delimiter", scalar(csv.delimiter)),
        (is_csv and csv.quote != '"', "quote", scalar(csv.quote)),
        (is_csv and csv.escape not in ('"', csv.quote), "escape", scalar(csv.escape)),
        (is_csv and csv.short_rows != "quarantine", "shortRows", csv.short_rows),
        (bool(options.fixed_width.widths), "widths", f"[{', '.join(map(str, options.fixed_width.widths))}]"),
        (bool(path), "records", scalar(("/" if options.xml.records else ".").join(path))),
        (bool(options.xlsx.sheets), "sheet", _list(options.xlsx.sheets)),
        (bool(options.xlsx.header_row), "headerRow", str(options.xlsx.header_row)),
    ]
    return [(name, value) for is_said, name, value in written if is_said]


def _shared_properties(shared: ValueOptions) -> Iterator[tuple[str, str]]:
    if shared.null_words:
        yield "nullWords", _list(shared.null_words)
    if shared.decimal != ".":
        yield "decimal", scalar(shared.decimal)
    if shared.thousands:
        yield "thousands", _list(shared.thousands)


def _event_properties(found: Found) -> Iterator[tuple[str, str]]:
    if found.event_time:
        yield "eventTime", scalar(found.event_time)
    if found.lateness is not None:
        yield "allowedLatenessDays", str(found.lateness)


def _of(about: str, notes: Iterable[Note]) -> str:
    found = "; ".join(note.text for note in notes if note.about == about)
    return f"{about}: {found}." if found else ""


# --- YAML


def scalar(text: str) -> str:
    """A text as YAML has it: plain where nothing else is meant by it, else in quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _OTHERWISE_READ:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(scalar(text) for text in dict.fromkeys(texts))}]"


def _comment(indent: str, text: str) -> Iterator[str]:
    """The text in lines of a comment; whatever it holds, it cannot end one."""
    flat = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    line = f"{indent}#"
    for word in flat.split(" ") if flat else ():
        if len(line) + len(word) >= _WIDTH and not line.endswith("#"):
            yield line
            line = f"{indent}#"
        line += f" {word}"
    if flat:
        yield line
