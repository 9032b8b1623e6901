"""Drafted contracts: what they say of samples of every kind, and that they load these and the next day's files."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Protocol

import duckdb
import openpyxl
import pytest

from tidegate.drafting.asked import Asked, DraftError, Sample
from tidegate.drafting.choice import Choice
from tidegate.drafting.draft import Draft, draft, source_of
from tidegate.drafting.numbers import Point, numbers_of
from tidegate.drafting.proof import complaints

FIRST, NEXT = dt.date(2024, 3, 5), dt.date(2024, 3, 6)
ROWS = 60
# Orders of a day: number, line, customer, amount, paid, state, moment.
Row = tuple[str, int, str, str, bool, str, dt.datetime]


class Writer(Protocol):
    __name__: str

    def __call__(self, folder: Path, day: dt.date) -> Path: ...


def rows(day: dt.date) -> list[Row]:
    states = ("open", "paid", "sent")
    start = dt.datetime.combine(day, dt.time(8))
    return [
        (
            f"A{day:%d}{at // 2:03}",
            at % 2 + 1,
            f"Müller {at % 7}",
            f"{at * 37 + day.day}.{at % 100:02}",
            at % 3 == 0,
            states[at % 3],
            start + dt.timedelta(minutes=7 * at),
        )
        for at in range(ROWS)
    ]


def european(folder: Path, day: dt.date) -> Path:
    """A report in a Western Windows' encoding, with lines around its rows."""
    path = folder / f"Aufträge_{day:%Y%m%d}.csv"
    lines = [f"Bericht vom;{day:%d.%m.%Y}", "", "Auftrag;Zeile;Kunde;Betrag;Bezahlt;Status;Bestellt am"]
    for number, line, customer, amount, paid, state, at in rows(day):
        euros = f"{float(amount):,.2f}".translate(str.maketrans(",.", ".,"))
        lines.append(f"{number};{line};{customer};{euros} €;{'ja' if paid else 'nein'};{state};{at:%d.%m.%Y %H:%M}")
    path.write_bytes("\r\n".join([*lines, f"Summe;;;{ROWS},00 €;;;", ""]).encode("cp1252"))
    return path


def american(folder: Path, day: dt.date) -> Path:
    """Packed, with pipes, month first, negative amounts in parentheses and words for none."""
    path = folder / f"orders-{day}.psv.gz"
    lines = ["order_id|line_number|customer|amount|paid|status|ordered_at"]
    for number, line, customer, amount, paid, state, at in rows(day):
        dollars = f"(${amount})" if line == 2 else f"${amount}"
        shown = "N/A" if number.endswith("5") else dollars
        lines.append(f"{number}|{line}|{customer}|{shown}|{'Y' if paid else 'N'}|{state}|{at:%m/%d/%Y %I:%M %p}")
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def wrapped(folder: Path, day: dt.date) -> Path:
    """A page of an interface: its records are inside of a document."""
    path = folder / f"orders_{day}.json"
    records = [
        {"orderId": number, "line": line, "customer": {"name": customer}, "amount": float(amount), "paid": paid}
        | {"status": state, "createdAt": f"{at.isoformat()}Z"}
        for number, line, customer, amount, paid, state, at in rows(day)
    ]
    path.write_text(json.dumps({"data": {"items": records}, "errors": [], "page": 1}))
    return path


def workbook(folder: Path, day: dt.date) -> Path:
    path = folder / f"{day}.xlsx"
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Orders of the shop"])
    sheet.append([])
    sheet.append(["Order ID", "Line", "Customer", "Amount", "Paid", "Status", "Ordered at"])
    for number, line, customer, amount, paid, state, at in rows(day):
        sheet.append([number, line, customer, float(amount), paid, state, at])
    book.save(path)
    return path


def parquet(folder: Path, day: dt.date) -> Path:
    path = folder / f"orders.{day}.parquet"
    values = ", ".join(
        f"('{number}', {line}, '{customer}', {amount}::double, {paid}, '{state}', timestamp '{at}', {{'a': 1}})"
        for number, line, customer, amount, paid, state, at in rows(day)
    )
    names = "order_id, line_number, customer, amount, paid, status, ordered_at, nested"
    duckdb.sql(f"copy (select * from (values {values}) as t({names})) to '{path}'")
    return path


def fixed_width(folder: Path, day: dt.date) -> Path:
    path = folder / f"orders_{day}.txt"
    lines = [f"{'order_id':10}{'line':>5} {'customer':10}{'amount':>10} {'paid':6}{'status':8}{'ordered_at':19}"]
    for number, line, customer, amount, paid, state, at in rows(day):
        lines.append(f"{number:10}{line:>5} {customer:10}{amount:>10} {str(paid).lower():6}{state:8}{at}")
    path.write_text("\n".join(lines) + "\n")
    return path


def xml(folder: Path, day: dt.date) -> Path:
    path = folder / f"orders_{day}.xml"
    records = "".join(
        f'<order id="{number}-{line}"><customer>{customer}</customer><amount>{amount}</amount><paid>{str(paid).lower()}'
        f"</paid><status>{state}</status><ordered_at>{at.isoformat()}</ordered_at></order>"
        for number, line, customer, amount, paid, state, at in rows(day)
    )
    path.write_text(f"<orders>{records}</orders>")
    return path


KINDS: dict[Writer, tuple[tuple[str, ...], str]] = {
    european: (("auftrag", "zeile"), "bestellt_am"),
    american: (("order_id", "line_number"), "ordered_at"),
    wrapped: (("orderId", "line"), "createdAt"),
    workbook: (("order_id", "line"), "ordered_at"),
    parquet: (("order_id", "line_number"), "ordered_at"),
    fixed_width: (("order_id", "line"), "ordered_at"),
    xml: (("id",), "ordered_at"),
}


def chosen(drafted: Draft, ending: str) -> Choice:
    return next(choice for choice in drafted.choices if choice.name.endswith(ending))


def against(drafted: Draft, tmp_path: Path, path: Path, day: dt.date) -> list[str]:
    """What the judge says against a file of that day under the draft."""
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        return complaints(con, drafted.contract, [Sample(path, path.name, path, day)], [day], tmp_path / "judged")


# Of numbers with currencies and words around them, planning alone takes DuckDB seconds.
@pytest.mark.parametrize(
    "writer",
    [
        pytest.param(each, id=each.__name__, marks=[pytest.mark.slow] if each in (european, american) else [])
        for each in KINDS
    ],
)
def test_a_sample_of_any_kind_drafts_a_contract_that_loads_it_and_the_next_days_file(
    writer: Writer, tmp_path: Path
) -> None:
    drafted = draft([writer(tmp_path, FIRST)], Asked(source="orders"))
    key, event_time = KINDS[writer]
    assert drafted.unsettled == ()
    assert drafted.rows == ROWS
    assert drafted.contract.key == key
    assert drafted.contract.event_time == event_time
    types = [choice.sql_type for choice in drafted.choices if choice.name not in key]
    assert types == ["VARCHAR", "DECIMAL(18,4)", "BOOLEAN", "VARCHAR", "TIMESTAMP"]
    assert chosen(drafted, "tatus").enum == ("open", "paid", "sent")
    if writer is european:
        for said in ("windows-1252 it reads 'Müller'", "skipLines", "^Summe", "'€' stands beside", "'ja' and 'nein'"):
            assert said in drafted.text
    assert against(drafted, tmp_path, writer(tmp_path, NEXT), NEXT) == []


def csv(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("name", "other", "asked", "formats"),
    [
        ("o.csv", "x", Asked(), ()),
        ("o.csv", "x", Asked(dates="month-first"), ("MM/dd/yyyy",)),
        # The day that the file's name says.
        ("o_2020-02-03.csv", "x", Asked(), ("dd/MM/yyyy",)),
        # Another column of the file.
        ("o.csv", "01/31/2020", Asked(), ("MM/dd/yyyy",)),
    ],
)
def test_what_01_02_is_somebody_says_or_other_evidence_or_it_is_left_as_text(
    name: str, other: str, asked: Asked, formats: tuple[str, ...], tmp_path: Path
) -> None:
    path = csv(tmp_path, name, "id,on_date,paid_on", f"A1,01/02/2020,{other}", f"A2,03/02/2020,{other}")
    found = chosen(draft([path], asked), "on_date")
    assert found.formats == formats
    if not formats:
        assert (found.logical_type, "--dates" in found.open) == ("string", True)
        assert "2020-02-01 to 2020-02-03 as dd/MM/yyyy" in " ".join(found.notes)


def test_a_comma_that_may_be_either_is_left_as_text(tmp_path: Path) -> None:
    path = csv(tmp_path, "o.csv", "id;amount", "A1;1,234", "A2;2,500")
    found = chosen(draft([path], Asked()), "amount")
    assert (found.sql_type, "--decimal" in found.open) == ("VARCHAR", True)


@pytest.mark.parametrize(
    ("texts", "decimal", "point", "thousands", "is_open"),
    [
        (["9,999"], None, ".", "", ","),
        (["9,999"], ",", ",", "", ""),
        (["9,999"], ".", ".", ",", ""),
        (["9.999,99"], None, ",", ".", ""),
        (["9,999", "9.9"], None, ".", ",", ""),
        (["9 999,9"], None, ",", " ", ""),
        (["9\u2019999.99"], None, ".", "'", ""),
        (["9,999,999"], None, ".", ",", ""),
        (["0,999"], None, ",", "", ""),
    ],
)
def test_the_marks_of_numbers_are_told_by_all_of_a_column(
    texts: list[str], decimal: Point | None, point: str, thousands: str, is_open: str
) -> None:
    shapes = [text.replace("0", "9") for text in texts]
    found = numbers_of(shapes, [text.replace("9", "1") for text in texts], decimal)
    assert found
    assert (found.values.decimal, found.values.thousands, found.open) == (point, thousands, is_open)


@pytest.mark.parametrize("shape", ["99.99.9999", "9,9,9", "abc", "9-9", "9.999,999,9", "99:99", ""])
def test_what_is_no_number_is_none(shape: str) -> None:
    assert numbers_of([shape], [shape], None) is None


def test_digits_that_identify_or_begin_with_a_zero_are_texts(tmp_path: Path) -> None:
    path = csv(tmp_path, "o.csv", "customer_id,plz,code,pieces", "17850,01067,1,3", "17851,80331,2,4")
    types = {choice.name: choice.logical_type for choice in draft([path], Asked()).choices}
    assert types == {"customer_id": "string", "plz": "string", "code": "string", "pieces": "integer"}


def test_personal_data_is_marked_by_its_name_or_its_values(tmp_path: Path) -> None:
    path = csv(
        tmp_path,
        "customers.csv",
        "id,name,contact,konto,pay",
        "A1,Ada,ada@example.com,DE89370400440532013000,4111 1111 1111 1111",
        "A2,Bob,bob@example.org,GB82WEST12345698765432,5500 0000 0000 0004",
    )
    drafted = draft([path], Asked())
    assert {choice.name: choice.personal for choice in drafted.choices if choice.personal} == {
        "name": "name",
        "contact": "email",
        "konto": "iban",
        "pay": "card",
    }
    assert drafted.text.count("classification: confidential") == 4


def test_rules_hold_for_all_days_of_several_files(tmp_path: Path) -> None:
    first = csv(tmp_path, "o_2024-03-05.csv", "id,amount,note", "A1,1,", "A2,2,x")
    second = csv(tmp_path, "o_2024-03-06.csv", "id,amount,note,new", "A1,1.25,y,1", "B2,,,2")
    drafted = draft([first, second], Asked())
    assert drafted.unsettled == ()
    # A key is unique in each delivery; the same one comes again on another day.
    assert drafted.contract.key == ("id",)
    assert chosen(drafted, "amount").sql_type == "DECIMAL(18,4)"
    assert drafted.contract.required == ("id",)
    assert "not in every file" in " ".join(chosen(drafted, "new").notes)


def test_a_line_that_is_no_row_is_said_and_not_hidden(tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text('{"id": "A1"}\nnot json\n{"id": "A2"}\n')
    drafted = draft([path], Asked())
    assert "1 lines are no rows, the first of them line 2: not json" in drafted.unsettled[0]
    assert f"NOT SETTLED: {drafted.unsettled[0][:30]}" in drafted.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n\n", "only blanks"),
        (b"id,amount\n", "no row below its header"),
        (b"PAR1 and no more", "damaged Parquet"),
        (b"\x00\x01\x02id,amount\nA,1\n", "no text"),
        (b"<a><b>", "broken or cut off"),
        (b"\x1f\x8b\x08\x00broken", "Nothing was written"),
    ],
)
def test_a_file_that_shows_nothing_is_refused_by_name(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_bytes(content)
    with pytest.raises(DraftError, match=said) as refused:
        draft([path], Asked())
    assert "o.csv" in str(refused.value)


def test_names_and_values_cannot_leave_their_comment_or_their_quotes(tmp_path: Path) -> None:
    hostile = '"a\nproperties: []\n# x","drop table ""x"" --",order,row_id'
    path = csv(tmp_path, "o.csv", hostile, '1,"x\ny: z",2,3', '2,"{{ evil }}",3,4')
    drafted = draft([path], Asked())
    assert drafted.unsettled == ()
    assert [column.name for column in drafted.contract.columns] == [
        "a_properties_number_x",
        "drop_table_x",
        "order",
        "row_id_",
    ]
    assert '"order"' in drafted.dbt().model_sql


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("Orders-2024-03-05.csv.gz", "orders"),
        ("20240305_trades.parquet", "trades"),
        ("Aufträge.xlsx", "auftraege"),
        ("2024.csv", "source"),
    ],
)
def test_a_source_is_called_as_its_file_without_the_day(name: str, source: str) -> None:
    assert source_of(name) == source
