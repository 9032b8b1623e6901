"""The demo shop's deliveries: same seed, same bytes; believable trade; the dirt that the report names.

Files are read by a small reader of the tests' own: neither the generator nor the platform vouches for itself.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import hashlib
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from tidegate.demo.dirt import Dirt, DirtKind, plan
from tidegate.demo.shop import ShopReport, write_shop
from tidegate.errors import TidegateError
from tidegate.zones import Zone

FIRST_DAY = dt.date(2024, 1, 1)
REGIONS = ("us-east", "us-west", "eu-west", "ap-south")
COLUMNS = [
    "order_id",
    "line_number",
    "customer_id",
    "product_id",
    "product_category",
    "quantity",
    "unit_price",
    "discount_amount",
    "ordered_at",
    "country",
]
LINE_DIRT = {
    DirtKind.MISSING_VALUES,
    DirtKind.NEGATIVE_PRICE,
    DirtKind.DUPLICATE_KEY,
    DirtKind.TOO_FEW_COLUMNS,
    DirtKind.TOO_MANY_COLUMNS,
    DirtKind.UNCLOSED_QUOTE,
}


@dataclass(frozen=True)
class Line:
    """One sound line, typed."""

    day: dt.date
    region: str
    order_id: str
    line_number: int
    customer_id: str
    product_id: str
    product_category: str
    quantity: int
    unit_price: Decimal
    discount_amount: Decimal
    ordered_at: dt.datetime
    country: str

    @property
    def key(self) -> tuple[str, int]:
        return self.order_id, self.line_number


@dataclass(frozen=True)
class Delivered:
    """One orders delivery as an independent reader sees it: sound lines, and what is wrong with others."""

    day: dt.date
    region: str
    name: str
    header: list[str]
    sound: list[Line]
    broken: Counter[str]

    @property
    def lines(self) -> int:
        return len(self.sound) + self.broken.total()

    @property
    def broken_share(self) -> float:
        return self.broken.total() / self.lines if self.lines else 0.0


def shop(landing: Path, *, days: int = 14, orders_per_day: int = 300, seed: int = 42, dirt: bool = True) -> ShopReport:
    return write_shop(landing, first_day=FIRST_DAY, days=days, orders_per_day=orders_per_day, seed=seed, dirt=dirt)


def tree(landing: Path) -> dict[str, str]:
    """Every file by its path, as the hash of its bytes."""
    return {
        str(file.relative_to(landing)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in landing.rglob("*")
        if file.is_file()
    }


def read(landing: Path, day: dt.date, region: str) -> Delivered:
    (file,) = (f for f in (landing / "orders" / region / str(day)).iterdir() if f.name != "_SUCCESS")
    header, rows = read_rows(file)
    sound: dict[tuple[str, int], Line] = {}
    broken: Counter[str] = Counter()
    for row in rows:
        problem, line = judge(day, region, header, row)
        if line is None:
            broken[problem] += 1
            continue
        if line.key in sound:
            broken["duplicate"] += 1
        sound[line.key] = line
    return Delivered(day, region, file.name, header, list(sound.values()), broken)


def read_rows(file: Path) -> tuple[list[str], list[list[str]]]:
    match file.name:
        case "orders.jsonl":
            records = [json.loads(text, parse_float=str) for text in file.read_text().splitlines()]
            values = [["" if value is None else str(value) for value in r.values()] for r in records]
            return list(records[0]), values
        case "orders.parquet":
            relation = duckdb.connect().sql(f"from read_parquet('{file}')")
            return relation.columns, [["" if v is None else str(v) for v in r] for r in relation.fetchall()]
        case "orders.csv.gz":
            text = gzip.decompress(file.read_bytes()).decode()
        case _:
            text = file.read_text()
    # Line by line: an open quote is then its own line's problem.
    rows = [next(csv.reader(io.StringIO(line))) for line in text.splitlines()]
    return rows[0], rows[1:]


def judge(day: dt.date, region: str, header: list[str], row: list[str]) -> tuple[str, Line | None]:
    """The row rules of MARTS.md, written down a second time: what is wrong with the row, or its line."""
    if len(row) < len(header):
        # An open quote swallows the columns after it; a line that breaks off does not get that far.
        return ("open quote" if len(row) == 5 else "too few columns"), None
    if len(row) > len(header):
        return "too many columns", None
    value = dict(zip(header, row, strict=True))
    required = ("order_id", "line_number", "product_id", "quantity", "unit_price", "ordered_at")
    if not all(value[name] for name in required):
        return "missing value", None
    if "," in value["unit_price"]:
        return "decimal comma", None
    ordered_at = dt.datetime.fromisoformat(value["ordered_at"].removesuffix("Z"))
    line = Line(
        day,
        region,
        value["order_id"],
        int(value["line_number"]),
        value["customer_id"],
        value["product_id"],
        value["product_category"],
        int(value["quantity"]),
        Decimal(value["unit_price"]),
        Decimal(value["discount_amount"]),
        ordered_at,
        value["country"],
    )
    return ("", line) if not (problem := broken_rule(line)) else (problem, None)


def broken_rule(line: Line) -> str:
    if line.unit_price < 0:
        return "negative price"
    if line.quantity == 0:
        return "zero quantity"
    if line.discount_amount < 0 or (line.quantity > 0 and line.discount_amount > line.quantity * line.unit_price):
        return "discount"
    if not 0 <= (line.day - line.ordered_at.date()).days <= 7:
        return "time"
    return ""


def deliveries(landing: Path, days: int = 14) -> Iterator[Delivered]:
    for number in range(days):
        for region in REGIONS:
            yield read(landing, FIRST_DAY + dt.timedelta(days=number), region)


# A shop with dirt or without of so many days and orders each day.
WriteShop = Callable[..., tuple[Path, ShopReport]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> WriteShop:
    """Each shop is written once, and changed by no test."""

    @cache
    def write(days: int = 14, orders_per_day: int = 300, dirt: bool = True) -> tuple[Path, ShopReport]:
        landing = tmp_path_factory.mktemp("written")
        return landing, shop(landing, days=days, orders_per_day=orders_per_day, dirt=dirt)

    return write


@pytest.fixture
def dirty(written: WriteShop) -> tuple[Path, ShopReport]:
    return written(days=14, orders_per_day=300)


@pytest.fixture
def clean(written: WriteShop) -> tuple[Path, ShopReport]:
    return written(dirt=False)


@pytest.fixture(scope="module")
def clean_lines(written: WriteShop) -> list[Line]:
    landing, report = written(dirt=False)
    assert report.dirt == ()
    delivered = list(deliveries(landing))
    assert {d.name for d in delivered} == {"orders.csv"}
    assert sum(d.broken.total() for d in delivered) == 0
    return [line for d in delivered for line in d.sound]


def test_the_same_seed_writes_the_same_bytes_over_earlier_ones_too(
    tmp_path: Path, dirty: tuple[Path, ShopReport]
) -> None:
    shop(tmp_path, dirt=False)
    again = shop(tmp_path)
    landing, report = dirty
    assert tree(tmp_path) == tree(landing)
    assert again == report


def test_another_seed_writes_other_orders_and_customers(tmp_path: Path, dirty: tuple[Path, ShopReport]) -> None:
    shop(tmp_path, seed=43)
    other, one = tree(tmp_path), tree(dirty[0])
    same = {path for path in other if other[path] == one.get(path) and not path.endswith("_SUCCESS")}
    assert same == set()


def test_a_day_does_not_depend_on_the_days_asked_for(tmp_path: Path, dirty: tuple[Path, ShopReport]) -> None:
    week = shop(tmp_path, days=7)
    fortnight, report = tree(dirty[0]), dirty[1]
    rejected = {
        f"orders/{d.region}/{d.day}/orders.csv" for d in (*week.dirt, *report.dirt) if d.kind is DirtKind.REJECTED
    }
    differing = {path for path, content in tree(tmp_path).items() if fortnight[path] != content}
    assert differing <= rejected


def test_every_delivery_is_complete_and_counted(dirty: tuple[Path, ShopReport]) -> None:
    landing, report = dirty
    data = [f for f in landing.rglob("*") if f.is_file() and f.name != "_SUCCESS"]
    assert report.days == 14
    assert report.files == len(data) == 14 * 6
    assert all((f.parent / "_SUCCESS").is_file() for f in data)
    assert report.lines == sum(d.lines for d in deliveries(landing))
    assert report.payments == sum(len(paid) for paid in payments(landing))


def found(kind: DirtKind, delivered: Delivered, earlier: dict[tuple[str, int], Line]) -> bool:
    """Is this kind of dirt in the delivery?"""
    day_before = delivered.day - dt.timedelta(days=1)
    match kind:
        case DirtKind.GZIP | DirtKind.JSON_LINES | DirtKind.PARQUET:
            names = {
                DirtKind.GZIP: "orders.csv.gz",
                DirtKind.JSON_LINES: "orders.jsonl",
                DirtKind.PARQUET: "orders.parquet",
            }
            return delivered.name == names[kind] and delivered.header == COLUMNS
        case DirtKind.ADDED_COLUMN:
            return delivered.header == [*COLUMNS, "coupon_code"]
        case DirtKind.LATE_ROWS:
            late = [line for line in delivered.sound if line.ordered_at.date() < delivered.day]
            days_late = {(delivered.day - line.ordered_at.date()).days for line in late}
            return days_late == {1, 2, 3} and not any(line.key in earlier for line in late)
        case DirtKind.CORRECTION:
            again = [(line, earlier[line.key]) for line in delivered.sound if line.key in earlier]
            assert all(new.ordered_at == old.ordered_at for new, old in again)
            assert {old.day for _, old in again} == {day_before, day_before - dt.timedelta(days=1)}
            return bool(again) and all(new.quantity != old.quantity for new, old in again)
    problems = {
        DirtKind.MISSING_VALUES: "missing value",
        DirtKind.NEGATIVE_PRICE: "negative price",
        DirtKind.DUPLICATE_KEY: "duplicate",
        DirtKind.TOO_FEW_COLUMNS: "too few columns",
        DirtKind.TOO_MANY_COLUMNS: "too many columns",
        DirtKind.UNCLOSED_QUOTE: "open quote",
        DirtKind.REJECTED: "decimal comma",
    }
    return set(delivered.broken) == {problems[kind]}


@pytest.mark.slow
@pytest.mark.parametrize(("days", "orders_per_day"), [(14, 300), (14, 40), (7, 40), (5, 40), (5, 5), (9, 3000)])
def test_the_dirt_is_where_the_report_says_and_nowhere_else(written: WriteShop, days: int, orders_per_day: int) -> None:
    landing, report = written(days=days, orders_per_day=orders_per_day)
    said: dict[tuple[dt.date, str], list[Dirt]] = defaultdict(list)
    for piece in report.dirt:
        if piece.source == "orders":
            said[piece.day, piece.region].append(piece)
    earlier: dict[tuple[str, int], Line] = {}
    for delivered in deliveries(landing, days):
        pieces = said.get((delivered.day, delivered.region), [])
        assert all(found(piece.kind, delivered, earlier) for piece in pieces), (delivered.broken, pieces)
        kinds = {piece.kind for piece in pieces}
        if not kinds & (LINE_DIRT | {DirtKind.REJECTED}):
            assert delivered.broken.total() == 0
        if not kinds & {DirtKind.CORRECTION, DirtKind.LATE_ROWS}:
            assert all(line.ordered_at.date() == delivered.day and line.key not in earlier for line in delivered.sound)
        if not kinds & {DirtKind.GZIP, DirtKind.JSON_LINES, DirtKind.PARQUET, DirtKind.ADDED_COLUMN}:
            assert (delivered.name, delivered.header) == ("orders.csv", COLUMNS)
        earlier |= {line.key: line for line in delivered.sound}
    assert {piece.kind for pieces in said.values() for piece in pieces} == set(DirtKind)


@pytest.mark.slow
@pytest.mark.parametrize("orders_per_day", [5, 40, 300, 3000])
def test_exactly_one_delivery_is_too_dirty_and_all_others_are_well_below_the_limit(
    written: WriteShop, orders_per_day: int
) -> None:
    landing, report = written(days=14, orders_per_day=orders_per_day)
    (rejected,) = (d for d in report.dirt if d.kind is DirtKind.REJECTED)
    assert rejected.region == "eu-west"
    for delivered in deliveries(landing):
        if (delivered.day, delivered.region) == (rejected.day, rejected.region):
            assert delivered.broken_share > 0.25
        else:
            assert delivered.broken_share <= 0.025


@pytest.mark.parametrize("days", range(1, 40))
def test_the_plan_rejects_one_delivery_around_the_middle_and_not_among_the_last_days(days: int) -> None:
    rejected = [place for place, kind in plan(days).items() if kind is DirtKind.REJECTED]
    assert len(rejected) == (1 if days >= 5 else 0)
    for number, region in rejected:
        assert region == "eu-west"
        assert 0 < number < days - 3
        assert abs(number - days / 2) <= 2


def test_guests_are_a_small_part_of_every_delivery(written: WriteShop) -> None:
    for orders_per_day in (300, 40):
        landing, _ = written(days=14, orders_per_day=orders_per_day)
        guests = total = 0
        for delivered in deliveries(landing):
            nulls = sum(not line.customer_id for line in delivered.sound)
            assert nulls <= 0.5 * len(delivered.sound)
            guests, total = guests + nulls, total + len(delivered.sound)
        assert 0.03 < guests / total < 0.2


def test_returns_refer_to_earlier_buys(clean_lines: list[Line]) -> None:
    returned = [line for line in clean_lines if line.quantity < 0]
    sold_lines: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in clean_lines:
        if line.quantity > 0:
            sold_lines[line.customer_id, line.product_id].append(line)
    assert 0.01 < len(returned) / len(clean_lines) < 0.05
    for line in returned:
        assert any(
            sold.day < line.day
            and sold.quantity >= -line.quantity
            and sold.unit_price == line.unit_price
            and sold.discount_amount == 0
            and (sold.region, sold.country) == (line.region, line.country)
            for sold in sold_lines[line.customer_id, line.product_id]
        )


def test_trade_is_believable(clean_lines: list[Line]) -> None:
    orders = Counter(line.order_id for line in clean_lines)
    assert set(orders.values()) == {1, 2, 3, 4}
    assert 1.9 < len(clean_lines) / len(orders) < 2.1
    assert 0.95 * 300 * 14 < len(orders) < 1.02 * 300 * 14
    prices = {(line.product_id, line.product_category, line.unit_price) for line in clean_lines}
    assert len(prices) == len({line.product_id for line in clean_lines}) > 100
    assert 0.1 < sum(line.discount_amount > 0 for line in clean_lines) / len(clean_lines) < 0.2
    per_customer = Counter(c for c, _ in {(line.customer_id, line.order_id) for line in clean_lines} if c)
    assert sum(count > 1 for count in per_customer.values()) > len(per_customer) / 2
    weekdays = Counter(line.day.weekday() for line in clean_lines)
    assert max(weekdays, key=weekdays.__getitem__) == 5
    countries: dict[str, set[str]] = defaultdict(set)
    for line in clean_lines:
        countries[line.region].add(line.country)
    assert countries["us-east"] == countries["us-west"] == {"US"}
    assert "US" not in countries["eu-west"] | countries["ap-south"]
    assert not countries["eu-west"] & countries["ap-south"]


def test_customers_are_a_growing_snapshot_that_knows_every_buyer(clean: tuple[Path, ShopReport]) -> None:
    landing, report = clean
    snapshots = []
    for number in range(14):
        day = FIRST_DAY + dt.timedelta(days=number)
        with (landing / "customers" / str(day) / "customers.csv").open() as file:
            reader = csv.DictReader(file)
            assert reader.fieldnames == ["customer_id", "registered_on", "email", "country"]
            snapshot = {row["customer_id"]: row for row in reader}
        assert all(row["email"] and row["registered_on"] <= str(day) for row in snapshot.values())
        for region in REGIONS:
            for line in read(landing, day, region).sound:
                assert not line.customer_id or line.country == snapshot[line.customer_id]["country"]
        snapshots.append(snapshot)
    for before, after in pairwise(snapshots):
        assert before.keys() <= after.keys()
        assert all(after[c]["registered_on"] == row["registered_on"] for c, row in before.items())
    assert len(snapshots[0]) < len(snapshots[-1]) == report.customers
    assert any(snapshots[-1][c]["email"] != row["email"] for c, row in snapshots[0].items())


def payments(landing: Path, days: int = 14) -> Iterator[list[dict[str, str]]]:
    """The payments of each day's file."""
    for number in range(days):
        with (landing / "payments" / str(FIRST_DAY + dt.timedelta(days=number)) / "payments.csv").open() as file:
            reader = csv.DictReader(file)
            assert reader.fieldnames == ["payment_id", "order_id", "amount", "method", "paid_at"]
            yield list(reader)


def test_payments_pay_sales_and_pay_back_returns(clean: tuple[Path, ShopReport], clean_lines: list[Line]) -> None:
    worth: dict[str, Decimal] = defaultdict(Decimal)
    ordered: dict[str, dt.date] = {}
    for line in clean_lines:
        worth[line.order_id] += line.quantity * line.unit_price - line.discount_amount
        ordered[line.order_id] = line.day
    days_until: Counter[tuple[str, int]] = Counter()
    paid = set()
    for number, of_day in enumerate(payments(clean[0])):
        for payment in of_day:
            order = payment["order_id"]
            paid_at = dt.datetime.fromisoformat(payment["paid_at"])
            assert paid_at.date() == FIRST_DAY + dt.timedelta(days=number)
            assert Decimal(payment["amount"]) == worth[order]
            days_until["S" if worth[order] > 0 else "R", (paid_at.date() - ordered[order]).days] += 1
            paid.add(order)
        assert len({payment["payment_id"] for payment in of_day}) == len(of_day)
    assert len(paid) == days_until.total()
    assert set(days_until) == {("S", 0), ("S", 1), ("S", 2), ("S", 3), ("R", 0), ("R", 1), ("R", 2)}
    sales = [order for order, amount in worth.items() if amount > 0]
    assert 0.85 < days_until["S", 0] / len(sales) < 0.92
    assert 0.02 < len(set(sales) - paid) / len(sales) < 0.08


def test_payments_have_a_little_dirt_where_the_report_says(dirty: tuple[Path, ShopReport]) -> None:
    landing, report = dirty
    said = {piece.day: piece.kind for piece in report.dirt if piece.source == "payments"}
    assert set(said.values()) == {DirtKind.MISSING_VALUES, DirtKind.DUPLICATE_KEY, DirtKind.LATE_ROWS}
    paid_before: set[str] = set()
    for number, of_day in enumerate(payments(landing)):
        day = FIRST_DAY + dt.timedelta(days=number)
        ids = [payment["payment_id"] for payment in of_day]
        found = {
            DirtKind.MISSING_VALUES: sum(not payment["amount"] for payment in of_day),
            DirtKind.DUPLICATE_KEY: len(ids) - len(set(ids)),
            DirtKind.LATE_ROWS: sum(payment["paid_at"][:10] < str(day) for payment in of_day),
        }
        assert {kind for kind, count in found.items() if count} == ({said[day]} if day in said else set())
        assert found[DirtKind.MISSING_VALUES] + found[DirtKind.DUPLICATE_KEY] <= 0.025 * len(of_day)
        assert all(0 <= (day - dt.date.fromisoformat(payment["paid_at"][:10])).days <= 3 for payment in of_day)
        assert paid_before.isdisjoint(ids)
        paid_before.update(ids)


def test_a_shop_can_be_written_without_payments(tmp_path: Path) -> None:
    write_shop(tmp_path, first_day=FIRST_DAY, days=1, orders_per_day=40, seed=7, payments=False)
    assert {folder.name for folder in tmp_path.iterdir()} == {"customers", "orders"}


@pytest.mark.parametrize(("days", "orders_per_day"), [(0, 10), (3, 0), (-1, 10)])
def test_a_shop_of_nothing_is_refused(tmp_path: Path, days: int, orders_per_day: int) -> None:
    with pytest.raises(TidegateError, match="at least one day and one order"):
        shop(tmp_path, days=days, orders_per_day=orders_per_day)
    assert list(tmp_path.iterdir()) == []


def test_a_short_shop_of_one_order_a_day_is_written(tmp_path: Path) -> None:
    report = shop(tmp_path, days=3, orders_per_day=1)
    assert report.days == 3
    assert not any(d.kind is DirtKind.REJECTED for d in report.dirt)
    assert len(list(deliveries(tmp_path, 3))) == 12


def test_an_unwritable_landing_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "landing").write_text("a file, not a folder")
    with pytest.raises(TidegateError, match="Could not write the delivery"):
        shop(tmp_path / "landing", days=1, orders_per_day=1)


def test_a_landing_with_a_quote_in_its_name_is_only_a_name(tmp_path: Path) -> None:
    landing = tmp_path / "o'clock; drop table"
    assert shop(landing, days=1, orders_per_day=3).files == 6
    assert (landing / "orders" / "us-east" / str(FIRST_DAY) / "_SUCCESS").is_file()


def test_its_days_are_those_of_a_time_zone(tmp_path: Path) -> None:
    """The middle one has 23 hours."""
    berlin = Zone("Europe/Berlin")
    write_shop(tmp_path, first_day=dt.date(2024, 3, 30), days=3, orders_per_day=60, seed=7, dirt=False, zone=berlin)

    for source, moment in (("orders/*", "ordered_at"), ("payments", "paid_at")):
        rows = duckdb.sql(
            f"select regexp_extract(filename, '[0-9-]{{10}}'), min({moment}::timestamp), max({moment}::timestamp) "
            f"from read_csv('{tmp_path}/{source}/*/*.csv', filename = true, union_by_name = true) group by 1"
        ).fetchall()
        assert len(rows) == 3
        for day, *edges in rows:
            assert {berlin.day_of(edge.replace(tzinfo=dt.UTC)) for edge in edges} == {dt.date.fromisoformat(day)}
