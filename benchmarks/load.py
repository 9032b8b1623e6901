"""From landing into raw tables of a plain DuckDB file: what `limit`, `dbt` and `standard` load with. Knows nothing of Tidegate.

The rows are judged by the rules of contracts/*.odcs.yaml, written here as SQL, as one would without contracts. Every row is read once
and written once: it goes into raw with its verdict, and the broken ones are moved to quarantine from there.

    python -m benchmarks.load --landing FOLDER --database FILE --from DAY --to DAY
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

Delivery = tuple[str, dt.date]

MAX_QUARANTINED_PERCENT = 5


@dataclass(frozen=True)
class Source:
    """A source: its columns as SQL over the texts of a `line`, the rules of its rows, and what a delivery must keep to."""

    name: str
    regions: tuple[str, ...]
    folder: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    required: tuple[str, ...]
    broken_when: Mapping[str, str]
    max_rows: int
    max_null_percent: Mapping[str, int] = field(default_factory=dict)

    def folder_of(self, landing: Path, region: str, day: dt.date) -> Path:
        return landing / self.folder.format(region=region, day=day)


def integer(column: str) -> str:
    # DuckDB would make 4 of '3.7'.
    return f"case when regexp_full_match(line.{column}, ' *[+-]?[0-9]+ *') then try_cast(line.{column} as integer) end"


def money(column: str) -> str:
    # DuckDB would round a fifth decimal.
    plain = f"regexp_full_match(line.{column}, ' *[+-]?[0-9]*\\.?[0-9]{{0,4}}0* *')"
    return f"case when {plain} then try_cast(line.{column} as decimal(18, 4)) end"


def moment(column: str) -> str:
    # `2024-01-02 03:04:05` is UTC and by far the most frequent; another offset is converted, slowly.
    naive = f"length(line.{column}) = 19 and line.{column}[17] = ':'"
    in_utc = f"try_cast(line.{column} as timestamptz) at time zone 'UTC'"
    return f"case when {naive} then try_cast(line.{column} as timestamp) else {in_utc} end"


ORDERS = Source(
    name="orders",
    regions=("us-east", "us-west", "eu-west", "ap-south"),
    folder="orders/{region}/{day}",
    columns={
        "order_id": "line.order_id",
        "line_number": integer("line_number"),
        "customer_id": "line.customer_id",
        "product_id": "line.product_id",
        "product_category": "line.product_category",
        "quantity": integer("quantity"),
        "unit_price": money("unit_price"),
        "discount_amount": money("discount_amount"),
        "ordered_at": moment("ordered_at"),
        "country": "line.country",
    },
    key=("order_id", "line_number"),
    required=("order_id", "line_number", "product_id", "quantity", "unit_price", "ordered_at"),
    broken_when={
        "quantity_is_zero": "quantity = 0",
        "unit_price_below_minimum": "unit_price < 0",
        "unit_price_above_maximum": "unit_price > 100000",
        "discount_amount_below_minimum": "discount_amount < 0",
        "discount_above_sale": "quantity > 0 and discount_amount > quantity * unit_price",
        "in_the_future": "ordered_at >= _delivered_on + 1",
        "too_late": "ordered_at < _delivered_on - 7",
    },
    max_rows=10_000_000,
    max_null_percent={"customer_id": 60},
)

CUSTOMERS = Source(
    name="customers",
    regions=("crm",),
    folder="customers/{day}",
    columns={
        "customer_id": "line.customer_id",
        "registered_on": "try_cast(line.registered_on as date)",
        "email": "line.email",
        "country": "line.country",
    },
    key=("customer_id",),
    required=("customer_id", "registered_on"),
    broken_when={
        "email_not_email": r"not regexp_matches(email, '^[^@\s]+@[^@\s]+\.[^@\s.]+$')",
        "registered_in_the_future": "registered_on > _delivered_on",
    },
    max_rows=100_000_000,
)

TABLES = """
create schema if not exists raw;
create schema if not exists quarantine;
create table if not exists raw.orders (
    order_id varchar, line_number integer, customer_id varchar, product_id varchar, product_category varchar, quantity integer,
    unit_price decimal(18, 4), discount_amount decimal(18, 4), ordered_at timestamp, country varchar,
    _region varchar, _delivered_on date, _file varchar, _reasons varchar[], _raw varchar
);
create table if not exists raw.customers (
    customer_id varchar, registered_on date, email varchar, country varchar,
    _region varchar, _delivered_on date, _file varchar, _reasons varchar[], _raw varchar
);
-- Orders and customers are what is compared. The marts read payments as well, and find none.
create table if not exists raw.payments (
    payment_id varchar, order_id varchar, amount decimal(18, 4), method varchar, paid_at timestamp,
    _region varchar, _delivered_on date, _file varchar
);
create table if not exists quarantine.orders (
    _region varchar, _delivered_on date, _file varchar, _line bigint, reasons varchar[], raw varchar
);
create table if not exists quarantine.customers as from quarantine.orders;
"""


def connect(database: Path) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(str(database))
    # Keeping the order of rows costs up to three times the time, and nothing here needs it but keys that are there twice.
    con.execute("set preserve_insertion_order = false; set TimeZone = 'UTC'")
    con.execute(TABLES)
    return con


def load(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    landing: Path,
    days: Sequence[dt.date],
    regions: Sequence[str] | None = None,
) -> int:
    """Replace what was loaded of these deliveries, in one transaction; returns the number of sound rows. Raises ValueError, and loads
    nothing, when a delivery is incomplete or breaks the rules for whole deliveries."""
    deliveries = [(region, day) for region in regions or source.regions for day in days]
    files = [file for delivery in deliveries for file in files_of(source, landing, *delivery)]
    con.begin()
    for schema in ("raw", "quarantine"):
        con.execute(f"delete from {schema}.{source.name} where {among(deliveries)}")
    read(con, source, files)
    if has_duplicates(con, source, deliveries):
        read_again_in_order(con, source, files, deliveries)
    move_broken_rows(con, source, deliveries)
    sound = refuse_unsound_deliveries(con, source, deliveries)
    con.commit()
    return sound


def files_of(source: Source, landing: Path, region: str, day: dt.date) -> Iterator[Path]:
    folder = source.folder_of(landing, region, day)
    if not (folder / "_SUCCESS").exists():
        raise ValueError(f"{folder} is not complete")
    for file in sorted(folder.glob("*.csv")):
        with file.open() as lines:
            if lines.readline().rstrip("\r\n") != ",".join(source.columns):
                raise ValueError(f"{file} has other columns than {', '.join(source.columns)}")
        yield file


def among(deliveries: Sequence[Delivery]) -> str:
    """The condition for rows of these deliveries: every region on every day from the first to the last."""
    days = [day for _, day in deliveries]
    regions = ", ".join(sorted({f"'{region}'" for region, _ in deliveries}))
    return f"_delivered_on between '{min(days)}' and '{max(days)}' and _region in ({regions})"


def read(con: duckdb.DuckDBPyConnection, source: Source, files: Sequence[Path]) -> None:
    columns = ", ".join(f"'{name}': 'varchar'" for name in source.columns)
    paths = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    reader = (
        f"read_csv([{paths}], columns = {{{columns}}}, header = true, auto_detect = false, filename = true, store_rejects = true, "
        f"rejects_limit = 0, rejects_table = 'rejects_{source.name}', rejects_scan = 'reject_scans_{source.name}')"
    )
    typed = ", ".join(f"{expression} as {name}" for name, expression in source.columns.items())
    region = "split_part(line.filename, '/', -3)" if len(source.regions) > 1 else f"'{source.regions[0]}'"
    reasons = reasons_of(source)
    each = ", ".join(f"case when {condition} then '{reason}' end" for reason, condition in reasons.items())
    con.execute(f"""
        insert into raw.{source.name} by name
        select
            * exclude (line, _broken),
            case when _broken then list_filter([{each}], lambda reason: reason is not null) end as _reasons,
            case when _broken then to_json(line) end as _raw
        from (
            select *, coalesce({" or ".join(reasons.values())}, false) as _broken
            from (
                select
                    line,
                    {typed},
                    {region} as _region,
                    cast(split_part(line.filename, '/', -2) as date) as _delivered_on,
                    split_part(line.filename, '/', -1) as _file
                from {reader} as line
            )
        )
    """)


def reasons_of(source: Source) -> dict[str, str]:
    """Every reason for quarantine, with the SQL that is true of a row that has it."""
    missing = {f"missing_{name}": f"(line.{name} is null)" for name in source.required}
    texts = [name for name, expression in source.columns.items() if expression == f"line.{name}"]
    typed = [name for name in source.columns if name not in texts]
    invalid = {f"invalid_{name}": f"(line.{name} is not null and {name} is null)" for name in typed}
    return missing | invalid | {reason: f"({condition})" for reason, condition in source.broken_when.items()}


def has_duplicates(con: duckdb.DuckDBPyConnection, source: Source, deliveries: Sequence[Delivery]) -> bool:
    return bool(con.execute(f"{repeated_hashes(source, deliveries)} limit 1").fetchall())


def repeated_hashes(source: Source, deliveries: Sequence[Delivery]) -> str:
    key = key_hash(source)
    return f"select {key} from raw.{source.name} where {among(deliveries)} and _reasons is null group by {key} having count(*) > 1"


def key_hash(source: Source) -> str:
    return f"hash(_region, _delivered_on, {', '.join(source.key)})"


def read_again_in_order(
    con: duckdb.DuckDBPyConnection, source: Source, files: Sequence[Path], deliveries: Sequence[Delivery]
) -> None:
    """Of a key's lines in one delivery the last one stands: with the order of lines kept, `rowid` tells which."""
    con.execute(f"drop table rejects_{source.name}; drop table reject_scans_{source.name}")
    con.execute(f"delete from raw.{source.name} where {among(deliveries)}")
    con.execute("set preserve_insertion_order = true")
    read(con, source, files)
    con.execute("set preserve_insertion_order = false")
    con.execute(f"""
        update raw.{source.name} set _reasons = ['duplicate_key'], _raw = to_json({source.name})
        where rowid in (
            select rowid from raw.{source.name}
            where {among(deliveries)} and _reasons is null and {key_hash(source)} in ({repeated_hashes(source, deliveries)})
            qualify row_number() over (partition by _region, _delivered_on, {", ".join(source.key)} order by rowid desc) > 1
        )
    """)


def move_broken_rows(con: duckdb.DuckDBPyConnection, source: Source, deliveries: Sequence[Delivery]) -> None:
    broken = f"{among(deliveries)} and _reasons is not null"
    region = "split_part(file_path, '/', -3)" if len(source.regions) > 1 else f"'{source.regions[0]}'"
    con.execute(f"""
        insert into quarantine.{source.name}
        select _region, _delivered_on, _file, null, _reasons, _raw from raw.{source.name} where {broken}
        union all
        select distinct on (file_path, line)
            {region}, split_part(file_path, '/', -2)::date, split_part(file_path, '/', -1), line, ['unparsable_line'], csv_line
        from rejects_{source.name} join reject_scans_{source.name} using (scan_id, file_id)
    """)
    con.execute(f"delete from raw.{source.name} where {broken}")
    con.execute(f"drop table rejects_{source.name}; drop table reject_scans_{source.name}")


def refuse_unsound_deliveries(con: duckdb.DuckDBPyConnection, source: Source, deliveries: Sequence[Delivery]) -> int:
    """Raise ValueError when a delivery breaks the rules for whole deliveries; else the number of sound rows."""
    nulls = "".join(f", count(*) filter ({column} is null)" for column in source.max_null_percent)
    sound = count_by_delivery(con, f"raw.{source.name}", deliveries, nulls)
    broken = count_by_delivery(con, f"quarantine.{source.name}", deliveries)
    for delivery in deliveries:
        rows, *missing = sound.get(delivery, [0])
        (lost,) = broken.get(delivery, [0])
        if (
            not 1 <= rows + lost <= source.max_rows
            or lost * 100 > MAX_QUARANTINED_PERCENT * (rows + lost)
            or any(n * 100 > limit * rows for n, limit in zip(missing, source.max_null_percent.values(), strict=False))
        ):
            raise ValueError(
                f"{source.name} {delivery} breaks the rules: {rows} rows are sound, {lost} broken, {missing} null"
            )
    return sum(rows for rows, *_ in sound.values())


def count_by_delivery(
    con: duckdb.DuckDBPyConnection, table: str, deliveries: Sequence[Delivery], more: str = ""
) -> dict[Delivery, list[int]]:
    rows = con.execute(
        f"select _region, _delivered_on, count(*){more} from {table} where {among(deliveries)} group by all"
    ).fetchall()
    return {(region, day): counts for region, day, *counts in rows}


def days_between(first: str, last: str) -> list[dt.date]:
    start = dt.date.fromisoformat(first)
    return [start + dt.timedelta(days=i) for i in range((dt.date.fromisoformat(last) - start).days + 1)]


def arguments(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--landing", type=Path, required=True)
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--from", dest="first", required=True)
    parser.add_argument("--to", dest="last", required=True)
    return parser.parse_args()


def main() -> None:
    given = arguments(__doc__)
    with connect(given.database) as con:
        for source in (ORDERS, CUSTOMERS):
            rows = load(con, source, given.landing, days_between(given.first, given.last))
            sys.stdout.write(f"{source.name}: {rows:,} rows loaded\n")


if __name__ == "__main__":
    main()
