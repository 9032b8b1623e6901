"""A project's sources from sample files: their drafted contracts, a mart of each, and the samples as deliveries."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tidegate.drafting.asked import Asked
from tidegate.drafting.contract_text import scalar
from tidegate.drafting.dbt_text import in_jinja, sql_name
from tidegate.drafting.draft import Draft, draft
from tidegate.drafting.fetching import fetched
from tidegate.drafting.writing import write_draft
from tidegate.errors import TidegateError

# Written last into a delivery, so that it counts as whole.
WHOLE = "_SUCCESS"

MART_SQL = """with

staged as (

    select * from {{{{ ref("stg_{source}") }}}}
    where {{{{ tidegate.in_window({day_in_jinja}) }}}}

),

final as (

    -- every day has a row, also one without rows
    select
        days.date_day as day,
        count(staged.{day_in_sql}) as row_count
    from {{{{ tidegate.days_of_window() }}}} as days
    left join staged
        on days.date_day = staged.{day_in_sql}
    group by days.date_day

)

select * from final
"""

MART_YAML = """models:
  - name: {mart}
    description: One row per day.
    config:
      meta:
        tidegate: {{day: day}}
    columns:
      - {{name: day, data_type: date, description: The day.}}
      - {{name: row_count, data_type: bigint, description: How many rows of {source} are of that day.}}
    data_tests:
      - tidegate.expression_is_true:
          name: {mart}_has_rows
          description: "A day has rows. If this fails: ask the owner of {source} what happened on that day."
          arguments:
            expression: row_count > 0
          config: {{severity: warn}}

unit_tests:
  - name: rows_of_{source}_are_counted_by_day
    description: Rows of a day are counted; a day without rows is 0; another day's row does not count.
    model: {mart}
    overrides:
      vars: {{window_start: "2024-01-02", window_end: "2024-01-04"}}
    given:
      - input: ref('stg_{source}')
        rows:
          - {{{day_in_yaml}: 2024-01-02}}
          - {{{day_in_yaml}: 2024-01-02}}
          - {{{day_in_yaml}: 2024-01-01}}
    expect:
      rows:
        - {{day: 2024-01-02, row_count: 2}}
        - {{day: 2024-01-03, row_count: 0}}
"""


@dataclass(frozen=True)
class Drafted:
    """A source that was drafted from a sample, with the files of it."""

    draft: Draft
    files: tuple[Path, ...]

    @property
    def source(self) -> str:
        return self.draft.source

    @property
    def mart(self) -> str:
        return f"daily_{self.source}"


def drafted_from(samples: Sequence[str], scratch: Path) -> list[Drafted]:
    """A draft of each sample, which is a file, a folder with several days of one source, or an address.

    Raises TidegateError, with nothing written, where one cannot be drafted or two are of one source.
    """
    found: list[Drafted] = []
    for number, sample in enumerate(samples):
        files = fetched([sample], scratch / str(number))
        found.append(Drafted(draft(files, Asked()), tuple(files)))
    names = [each.source for each in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TidegateError(
            f"Two samples are of one source by their names: {', '.join(twice)}. Nothing was written. Put the days of "
            "one source into a folder and name that, or name the files differently."
        )
    return _with_days_in_common(found)


def _with_days_in_common(drafts: Sequence[Drafted]) -> list[Drafted]:
    """What says no day of its own is delivered on the last day of the others: a day is published with all sources."""
    known = [day for each in drafts if not each.draft.undated for day in each.draft.days]
    if not known:
        return list(drafts)
    return [
        replace(each, draft=replace(each.draft, days=(max(known),) * len(each.files))) if each.draft.undated else each
        for each in drafts
    ]


def write_source(drafted: Drafted, project: Path) -> None:
    """Write the contract, the staging model, a mart, and the sample as deliveries, into a project."""
    write_draft(drafted.draft, project / "contracts", project / "dbt_project")
    marts = project / "dbt_project" / "models" / "marts"
    marts.mkdir(parents=True, exist_ok=True)
    day = drafted.draft.staged_day
    words = {
        "source": drafted.source,
        "mart": drafted.mart,
        "day_in_sql": sql_name(day),
        "day_in_jinja": in_jinja(sql_name(day)),
        "day_in_yaml": scalar(day),
    }
    (marts / f"{drafted.mart}.sql").write_text(MART_SQL.format(**words), encoding="utf-8")
    (marts / f"{drafted.mart}.yml").write_text(MART_YAML.format(**words), encoding="utf-8")
    for file, delivered_on in zip(drafted.files, drafted.draft.days, strict=True):
        delivery = project / "landing" / drafted.source / delivered_on.isoformat()
        delivery.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, delivery / file.name)
        (delivery / WHOLE).touch()


def days_of(drafts: Sequence[Drafted]) -> tuple[dt.date, dt.date]:
    """The first and the last day that samples are deliveries of."""
    days = [day for each in drafts for day in each.draft.days]
    return min(days), max(days)
