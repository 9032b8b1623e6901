"""A small business whose contract, regions and marts change: one source, a staging model, two or three marts.

Written for each state of it, as a deployment of another commit would be. What happens in between is the tests'.
"""

from __future__ import annotations

import csv
import datetime as dt
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.support.dbt_package import use_package

from tidegate.settings import CHECKOUT
from tidegate.window import ONE_DAY

SOURCE = "sales"
# There, noon is the evening of the day before in UTC.
FAR_EAST = "Pacific/Kiritimati"
COLUMNS = ("sale_id", "category", "amount", "sold_at")

# What the models below are, by the tables they make.
TABLES = {
    ("staging", "stg_sales"): "sale_date",
    ("marts", "daily_totals"): "sale_date",
    ("serving", "daily_totals"): "sale_date",
}
WEEKLY_TABLES = {("marts", "weekly_totals"): "as_of_date", ("serving", "weekly_totals"): "as_of_date"}
EXTRA_TABLES = {("marts", "daily_categories"): "sale_date", ("serving", "daily_categories"): "sale_date"}


@dataclass(frozen=True)
class Business:
    """What a deployment says. `regions`: by the folder that each delivers into, its name. `highest`: the largest amount
    that the contract takes. `lateness`: the days that a sale may be late. `clock`: the north's time zone. `keyed`:
    whether a sale has a key, by which a later delivery corrects it."""

    regions: tuple[tuple[str, str], ...] = (("north", "north"), ("south", "south"))
    highest: int = 100
    lateness: int = 7
    clock: str = "UTC"
    keyed: bool = True
    categories: bool = False
    # What the totals are counted in: another one is another formula of a model.
    factor: int = 1

    @property
    def tables(self) -> dict[tuple[str, str], str]:
        return {**TABLES, **WEEKLY_TABLES, **(EXTRA_TABLES if self.categories else {})}

    def write_contracts(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        servers = "\n".join(
            f'  - {{server: {name}, type: local, path: "{SOURCE}/{place}/{{day}}", format: csv{self._clock_of(place)}}}'
            for place, name in self.regions
        )
        text = CONTRACT.format(
            servers=servers,
            highest=self.highest,
            key=", primaryKey: true" if self.keyed else ", required: true",
            lateness=self.lateness,
        )
        (folder / f"{SOURCE}.odcs.yaml").write_text(text, encoding="utf-8")

    def day_by_clock(self, place: str, day: dt.date) -> dt.date:
        """The date at noon, by the clock of the place, of a sale of that day in UTC."""
        return day if self._clock_of(place) == "" else day + ONE_DAY

    def _clock_of(self, place: str) -> str:
        if place != "north" or self.clock == "UTC":
            return ""
        return f", customProperties: [{{property: timezone, value: {self.clock}}}]"

    def project_in(self, folder: Path) -> Path:
        """The dbt project of this state, in a folder of its own below `folder`; written once."""
        marts = "categories" if self.categories else "totals"
        project = folder / f"{'keyed' if self.keyed else 'plain'}-{marts}-{self.factor}"
        if not project.exists():
            self._write_project(project)
        return project

    def _write_project(self, project: Path) -> None:
        project.mkdir(parents=True)
        shutil.copy(CHECKOUT / "dbt_project" / "dbt_project.yml", project)
        use_package(project)
        versions = KEYED if self.keyed else PLAIN
        _write(project / "models/staging/stg_sales.sql", f"{versions}\n{STAGED}")
        _write(project / "models/staging/staging.yml", STAGING_YML)
        _write(project / "models/marts/daily_totals.sql", DAILY_TOTALS.replace("sum(", f"{self.factor} * sum("))
        _write(project / "models/marts/weekly_totals.sql", WEEKLY_TOTALS)
        _write(project / "models/marts/marts.yml", MARTS_YML)
        if self.categories:
            _write(project / "models/marts/daily_categories.sql", DAILY_CATEGORIES)
            _write(project / "models/marts/daily_categories.yml", DAILY_CATEGORIES_YML)


@dataclass(frozen=True)
class Sale:
    """One row, sold at noon of `sold_on`."""

    sale_id: str
    sold_on: dt.date
    amount: int = 10
    category: str = "books"

    @property
    def row(self) -> tuple[str, ...]:
        return (self.sale_id, self.category, f"{self.amount}.50", f"{self.sold_on} 12:00:00")


@dataclass(frozen=True)
class SalesLanding:
    """The landing folder. Each delivery is one CSV file with `_SUCCESS` beside it."""

    root: Path

    def deliver(self, place: str, day: dt.date, sales: Iterable[Sale]) -> None:
        folder = self._of(place, day)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with (folder / "sales.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, *(sale.row for sale in sales)])
        (folder / "_SUCCESS").touch()

    def purge(self, place: str, day: dt.date) -> None:
        shutil.rmtree(self._of(place, day), ignore_errors=True)

    def _of(self, place: str, day: dt.date) -> Path:
        return self.root / SOURCE / place / str(day)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.lstrip("\n"), encoding="utf-8")


CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: e2e-sales
name: Sales
version: 1.0.0
status: active
description: {{purpose: A few rows a day.}}
servers:
{servers}
schema:
  - name: sales
    description: One row per sale.
    properties:
      - {{name: sale_id, logicalType: string{key}}}
      - {{name: category, logicalType: string, required: true}}
      - name: amount
        logicalType: number
        physicalType: decimal(18,2)
        required: true
        logicalTypeOptions: {{minimum: 0, maximum: {highest}}}
      - {{name: sold_at, logicalType: timestamp, required: true}}
    quality:
      - {{name: row_count, metric: rowCount, mustBeBetween: [0, 1000]}}
team: {{name: e2e}}
customProperties:
  - {{property: eventTime, value: sold_at}}
  - {{property: allowedLatenessDays, value: {lateness}}}
  - {{property: maxQuarantinedPercent, value: 95}}
"""

KEYED = """
with

delivered as (

    select * from {{ source("raw", "sales") }}
    where {{ tidegate.delivered_within_reach("sales") }}

),

next_deliveries as (

    {{ tidegate.with_next_delivery("delivered", ["sale_id"]) }}

),

versions as (

    select * from next_deliveries
    where
        {{ tidegate.happened_in_window("sold_at") }}
        and {{ tidegate.is_newest_in_time("sales", "sold_at") }}

),
"""

PLAIN = """
with

versions as (

    select * from {{ source("raw", "sales") }}
    where
        {{ tidegate.delivered_within_reach("sales") }}
        and {{ tidegate.happened_in_window("sold_at") }}
        and {{ tidegate.arrived_in_time("sales", "_delivered_on", tidegate.day_of("sold_at")) }}

),
"""

STAGED = """
final as (

    select
        sale_id,
        category,
        amount,
        {{ tidegate.day_of("sold_at") }} as sale_date
    from versions

)

select * from final
"""

STAGING_YML = """
sources:
  - name: raw
    tables:
      - name: sales
        columns:
          - {name: sale_id, data_type: varchar}
          - {name: category, data_type: varchar}
          - {name: amount, data_type: "decimal(18, 2)"}
          - {name: sold_at, data_type: timestamp}
          - {name: _region, data_type: varchar}
          - {name: _delivered_on, data_type: date}
          - {name: _file, data_type: varchar}
          - {name: _fingerprint, data_type: varchar}
models:
  - name: stg_sales
    config: {meta: {tidegate: {day: sale_date}}}
    columns:
      - {name: sale_id, data_type: varchar}
      - {name: category, data_type: varchar}
      - {name: amount, data_type: "decimal(18, 2)"}
      - {name: sale_date, data_type: date}
"""

DAILY_TOTALS = """
select
    days.date_day as sale_date,
    count(sales.sale_date) as sales,
    cast(coalesce(sum(sales.amount), 0) as decimal(38, 2)) as total
from {{ tidegate.days_of_window() }} as days
left join {{ ref("stg_sales") }} as sales
    on days.date_day = sales.sale_date
group by days.date_day
"""

WEEKLY_TOTALS = """
select
    mondays.as_of_date,
    cast(coalesce(sum(days.total), 0) as decimal(38, 2)) as total
from {{ tidegate.mondays_of_window() }} as mondays
left join {{ tidegate.published("daily_totals") }} as days
    on days.sale_date >= mondays.as_of_date - 7 and days.sale_date < mondays.as_of_date
group by mondays.as_of_date
"""

MARTS_YML = """
models:
  - name: daily_totals
    config: {meta: {tidegate: {day: sale_date}}}
    columns:
      - {name: sale_date, data_type: date}
      - {name: sales, data_type: bigint}
      - {name: total, data_type: "decimal(38, 2)"}
    data_tests:
      - tidegate.unique:
          name: daily_totals_days_are_unique
          arguments: {columns: [sale_date]}
          config: {severity: error}
  - name: weekly_totals
    config: {meta: {tidegate: {day: as_of_date, cadence: weekly, reaches_back_days: 7}}}
    columns:
      - {name: as_of_date, data_type: date}
      - {name: total, data_type: "decimal(38, 2)"}
"""

DAILY_CATEGORIES = """
select
    sale_date,
    category,
    cast(sum(amount) as decimal(38, 2)) as total
from {{ ref("stg_sales") }}
where {{ tidegate.in_window("sale_date") }}
group by sale_date, category
"""

DAILY_CATEGORIES_YML = """
models:
  - name: daily_categories
    config: {meta: {tidegate: {day: sale_date}}}
    columns:
      - {name: sale_date, data_type: date}
      - {name: category, data_type: varchar}
      - {name: total, data_type: "decimal(38, 2)"}
"""
