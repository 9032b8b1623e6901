"""UCI Online Retail as daily deliveries: nothing lost, all in its place, the same from every form of it."""

from __future__ import annotations

import csv
import datetime as dt
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import duckdb
import openpyxl
import pytest
from tests.support.online_retail import FILE, needs_online_retail

from tidegate.demo.online_retail import SliceReport, slice_online_retail
from tidegate.errors import TidegateError

HEADER = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
]
UK = "United Kingdom"
Row: TypeAlias = tuple[str, str, str | None, int, dt.datetime, float, str | None, str]


def at(day: int, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2010, 12, day, hour, minute)  # noqa: DTZ001


# Five days, the 2nd and 4th of them empty; invoices that are not in one piece; a customer who moves twice.
ROWS: list[Row] = [
    ("536365", "85123A", "HEART, WHITE", 6, at(1, 8, 26), 2.55, "17850", UK),
    ("536365", "71053", 'LANTERN 5" METAL', 6, at(1, 8, 26), 3.39, "17850", UK),
    ("536366", "22633", "CAFÉ £1 SIGN", 12, at(1, 8, 28), 0.001, "12583", "France"),
    ("536365", "84406B", None, 8, at(1, 8, 27), 2.75, "17850", UK),
    ("536370", "10002", None, 48, at(3, 8, 45), 0.85, "12583", UK),
    ("C536379", "D", "Discount", -1, at(3, 9, 41), 27.5, "14527", UK),
    ("536381", "22139", None, 56, at(3, 9, 0), 0.0, None, UK),
    ("A563186", "B", "Adjust bad debt", 1, at(3, 10, 0), -11062.06, None, UK),
    ("536370", "AMAZONFEE", "AMAZON FEE", 1, at(3, 8, 46), 13541.33, "12583", UK),
    ("536390", "BANK CHARGES", "Bank Charges", 1, at(5, 0, 0), 38970.0, "12583", "EIRE"),
]


def write_parquet(file: Path, rows: Sequence[Row]) -> Path:
    values = file.with_suffix(".values.csv")
    with values.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows(rows)
    types = ["varchar", "varchar", "varchar", "bigint", "timestamp", "double", "varchar", "varchar"]
    columns = dict(zip(HEADER, types, strict=True))
    duckdb.sql(f"copy (from read_csv('{values}', header = false, columns = {columns})) to '{file}' (format parquet)")
    return file


def write_kaggle_csv(file: Path, rows: Sequence[Row]) -> Path:
    """As on Kaggle: month first, no leading zeros, Latin-1."""
    return write_csv(file, rows, "latin-1", lambda t: f"{t.month}/{t.day}/{t.year} {t.hour}:{t.minute:02}", "")


def write_pandas_csv(file: Path, rows: Sequence[Row]) -> Path:
    """As pandas saves what it read from the .xlsx: customers are floating point."""
    return write_csv(file, rows, "utf-8", str, ".0")


def write_csv(
    file: Path, rows: Sequence[Row], encoding: str, date: Callable[[dt.datetime], str], customer_tail: str
) -> Path:
    with file.open("w", encoding=encoding, newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADER)
        for row in rows:
            customer = row[6] and row[6] + customer_tail
            writer.writerow([*row[:4], date(row[4]), *row[5:6], customer, *row[7:]])
    return file


def write_xlsx(file: Path, rows: Sequence[Row]) -> Path:
    """As UCI publishes it: what looks like a number is one, codes included; an emptied row at the end."""
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("Online Retail")
    sheet.append(HEADER)
    for row in rows:
        sheet.append([int(v) if isinstance(v, str) and v.isdigit() else v for v in row])
    sheet.append([None] * len(HEADER))
    workbook.save(file)
    return file


SECOND_HEADER = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]


def write_second_version(file: Path, rows: Sequence[Row], repeated: int = 0) -> Path:
    """As UCI publishes the second version: two sheets of a year each, the first days of the later one in both."""
    before = [row for row in rows if row[4] < at(3, 0)]
    after = [row for row in rows if row[4] >= at(3, 0)]
    workbook = openpyxl.Workbook(write_only=True)
    for title, lines in {"Year 2009-2010": before + after[:repeated], "Year 2010-2011": after}.items():
        sheet = workbook.create_sheet(title)
        sheet.append(SECOND_HEADER)
        for row in lines:
            sheet.append([int(v) if isinstance(v, str) and v.isdigit() else v for v in row])
    workbook.create_sheet("Notes").append(["Chen, D. (2012)"])
    workbook.save(file)
    return file


def write_packed(file: Path, rows: Sequence[Row]) -> Path:
    book = write_second_version(file.with_suffix(".xlsx"), rows, repeated=4)
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(book, "online_retail_II.xlsx")
    book.unlink()
    return file


FORMS: dict[str, Callable[[Path, Sequence[Row]], Path]] = {
    "kaggle.csv": write_kaggle_csv,
    "pandas.csv": write_pandas_csv,
    "Online Retail.xlsx": write_xlsx,
    "online_retail_II.xlsx": partial(write_second_version, repeated=2),
    "online+retail+ii.zip": write_packed,
}


def files(landing: Path) -> dict[str, str]:
    return {str(f.relative_to(landing)): f.read_text() for f in landing.rglob("*") if f.is_file()}


def body(landing: Path, path: str) -> list[str]:
    return (landing / path).read_text().splitlines()[1:]


@pytest.fixture(scope="module")
def sliced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SliceReport]:
    folder = tmp_path_factory.mktemp("invented")
    landing = folder / "landing"
    return landing, slice_online_retail(write_parquet(folder / "retail.parquet", ROWS), landing)


def test_every_line_is_on_its_day_and_in_its_region(sliced: tuple[Path, SliceReport]) -> None:
    landing, report = sliced
    assert (landing / "orders/uk/2010-12-01/orders.csv").read_text() == (
        "order_id,line_number,customer_id,product_id,product_category,quantity,unit_price,discount_amount,ordered_at,country\n"
        "536365,1,17850,85123A,uncategorised,6,2.55,0,2010-12-01 08:26:00,United Kingdom\n"
        "536365,2,17850,71053,uncategorised,6,3.39,0,2010-12-01 08:26:00,United Kingdom\n"
        "536365,3,17850,84406B,uncategorised,8,2.75,0,2010-12-01 08:27:00,United Kingdom\n"
    )
    assert body(landing, "orders/abroad/2010-12-01/orders.csv") == [
        "536366,1,12583,22633,uncategorised,12,0.001,0,2010-12-01 08:28:00,France"
    ]
    assert body(landing, "orders/uk/2010-12-03/orders.csv") == [
        "536370,1,12583,10002,uncategorised,48,0.85,0,2010-12-03 08:45:00,United Kingdom",
        "C536379,1,14527,D,uncategorised,-1,27.5,0,2010-12-03 09:41:00,United Kingdom",
        "536381,1,,22139,uncategorised,56,0,0,2010-12-03 09:00:00,United Kingdom",
        "A563186,1,,B,uncategorised,1,-11062.06,0,2010-12-03 10:00:00,United Kingdom",
        "536370,2,12583,AMAZONFEE,uncategorised,1,13541.33,0,2010-12-03 08:46:00,United Kingdom",
    ]
    assert body(landing, "orders/abroad/2010-12-05/orders.csv") == [
        "536390,1,12583,BANK CHARGES,uncategorised,1,38970,0,2010-12-05 00:00:00,EIRE"
    ]
    assert report == SliceReport(dt.date(2010, 12, 1), dt.date(2010, 12, 5), 5, 15, len(ROWS), 3)


def test_a_day_without_lines_delivers_headers_and_the_customers_known(
    sliced: tuple[Path, SliceReport],
) -> None:
    landing, _ = sliced
    for day in ("2010-12-02", "2010-12-04"):
        for region in ("uk", "abroad"):
            folder = landing / "orders" / region / day
            assert {f.name for f in folder.iterdir()} == {"orders.csv", "_SUCCESS"}
            assert (folder / "orders.csv").read_text().startswith("order_id,line_number,")
            assert body(landing, f"orders/{region}/{day}/orders.csv") == []
    assert body(landing, "customers/2010-12-02/customers.csv") == body(landing, "customers/2010-12-01/customers.csv")


def test_customers_are_all_seen_so_far_with_the_country_of_their_newest_line(
    sliced: tuple[Path, SliceReport],
) -> None:
    landing, _ = sliced
    assert (landing / "customers/2010-12-01/customers.csv").read_text() == (
        "customer_id,registered_on,email,country\n12583,2010-12-01,,France\n17850,2010-12-01,,United Kingdom\n"
    )
    assert body(landing, "customers/2010-12-04/customers.csv") == [
        "12583,2010-12-01,,United Kingdom",
        "14527,2010-12-03,,United Kingdom",
        "17850,2010-12-01,,United Kingdom",
    ]
    assert body(landing, "customers/2010-12-05/customers.csv")[0] == "12583,2010-12-01,,EIRE"


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_file_gives_the_same_deliveries(
    form: str, tmp_path: Path, sliced: tuple[Path, SliceReport]
) -> None:
    report = slice_online_retail(FORMS[form](tmp_path / form, ROWS), tmp_path / "landing")
    assert files(tmp_path / "landing") == files(sliced[0])
    assert report == sliced[1]


def test_narrowing_the_days_leaves_what_is_written_as_it_was(tmp_path: Path, sliced: tuple[Path, SliceReport]) -> None:
    source = write_parquet(tmp_path / "retail.parquet", ROWS)
    landing = tmp_path / "landing"
    report = slice_online_retail(source, landing, first_day=dt.date(2010, 12, 3), last_day=dt.date(2010, 12, 4))
    assert (report.days, report.files, report.lines, report.customers) == (2, 6, 5, 3)
    assert files(landing) == {
        path: text for path, text in files(sliced[0]).items() if "2010-12-03" in path or "2010-12-04" in path
    }


@pytest.mark.parametrize(("first", "last"), [(1, 9), (4, 3), (8, 9)])
def test_days_the_file_does_not_cover_are_refused(tmp_path: Path, first: int, last: int) -> None:
    source = write_parquet(tmp_path / "retail.parquet", ROWS)
    with pytest.raises(TidegateError, match="covers 2010-12-01 to 2010-12-05"):
        slice_online_retail(
            source,
            tmp_path / "landing",
            first_day=dt.date(2010, 12, first),
            last_day=dt.date(2010, 12, last),
        )
    assert not (tmp_path / "landing").exists()


HEADER_LINE = ",".join(HEADER) + "\n"
UNREADABLE = {
    "wrong.csv": (b"Invoice,StockCode,Price\n1,2,3\n", "lacks the columns Quantity, InvoiceDate"),
    "wrong separator.csv": (HEADER_LINE.replace(",", ";").encode(), "lacks the columns"),
    "utf16.csv": (HEADER_LINE.encode("utf-16"), "lacks the columns"),
    "nothing.csv": (b"", "It has: none"),
    "header.csv": (HEADER_LINE.encode(), "holds no lines"),
    "date.csv": (
        f"{HEADER_LINE}1,2,,3,13/45/2010 8:26,1,,{UK}\n".encode(),
        "Data row 1 .* InvoiceDate is '13/45",
    ),
    "undated.csv": (f"{HEADER_LINE}1,2,,3,,1,,{UK}\n".encode(), "InvoiceDate is None"),
    "amount.csv": (f"{HEADER_LINE}1,2,,3,12/1/2010 8:26,dear,,{UK}\n".encode(), "UnitPrice is 'dear'"),
    "quantity.csv": (f"{HEADER_LINE}1,2,,3.5,12/1/2010 8:26,1,,{UK}\n".encode(), "Quantity is '3.5'"),
    "ragged.csv": (f"{HEADER_LINE}1,2,,3,12/1/2010 8:26,1,,{UK},5\n".encode(), "could not be read"),
    "text.parquet": (b"not a parquet file", "could not be read"),
    "text.xlsx": (b"not a workbook", "could not be read"),
    "text.zip": (b"not an archive", "could not be read"),
    "retail.ods": (b"", "no known form"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_of_another_shape_is_refused_in_words(name: str, tmp_path: Path) -> None:
    content, message = UNREADABLE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TidegateError, match=message):
        slice_online_retail(tmp_path / name, tmp_path / "landing")
    assert not (tmp_path / "landing").exists()


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TidegateError, match="There is no file"):
        slice_online_retail(tmp_path / "retail.parquet", tmp_path / "landing")


@pytest.mark.slow
@needs_online_retail
def test_the_whole_data_set_arrives_line_by_line(tmp_path: Path) -> None:
    report = slice_online_retail(FILE, tmp_path)
    assert report == SliceReport(dt.date(2010, 12, 1), dt.date(2011, 12, 9), 374, 1122, 541_909, 4372)
    con = duckdb.connect()
    con.execute(f"""
        create table delivered as
        select
            *,
            split(filename, '/')[-3] as region,
            split(filename, '/')[-2]::date as day,
            unit_price::decimal(18, 4) as price
        from read_csv('{tmp_path}/orders/*/*/orders.csv', all_varchar = true, filename = true, header = true)
    """)
    assert one(con, "select count(*), count(distinct (order_id, line_number)) from delivered") == (
        541_909,
        541_909,
    )
    misplaced = """
        select count(*) from delivered
        where ordered_at::date != day or region != if(country = 'United Kingdom', 'uk', 'abroad')
    """
    assert one(con, misplaced) == (0,)
    assert len(list(tmp_path.glob("orders/*/*/_SUCCESS"))) == 2 * 374
    published = f"""
        select
            InvoiceNo, StockCode, Quantity, InvoiceDate, UnitPrice::varchar::decimal(18, 4), CustomerID,
            Country
        from '{FILE}'
    """
    delivered = """
        select order_id, product_id, quantity::bigint, ordered_at::timestamp, price, customer_id, country
        from delivered
    """
    assert one(con, f"select count(*) from (({published}) except all ({delivered}))") == (0,)
    # Without the two lines of negative price, which the gate keeps out.
    count, revenue = one(con, "select count(*), sum(quantity::int * price) from delivered where price >= 0")
    assert (count, str(revenue)) == (541_907, "9769872.0540")


@pytest.mark.slow
@needs_online_retail
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_real_lines_gives_the_same_deliveries(form: str, tmp_path: Path) -> None:
    rows: list[Row] = duckdb.sql(f"""
        select {", ".join(HEADER)} from read_parquet('{FILE}', file_row_number = true)
        where InvoiceDate < timestamp '2010-12-08' and file_row_number % 7 = 0
    """).fetchall()
    slice_online_retail(write_parquet(tmp_path / "retail.parquet", rows), tmp_path / "parquet")
    slice_online_retail(FORMS[form](tmp_path / form, rows), tmp_path / "other")
    assert files(tmp_path / "other") == files(tmp_path / "parquet")


def one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[object, ...]:
    (row,) = con.execute(query).fetchall()
    return tuple(row)
