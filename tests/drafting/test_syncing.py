"""dbt's YAML follows the contracts: what differs is found by its line, written, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.contract.reading.odcs import load_contracts
from tidegate.drafting.syncing import find_drift, follow
from tidegate.errors import TidegateError

CHECKOUT = Path(__file__).parents[2]
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: things
version: 1.0.0
servers:
  - {server: us, type: local, path: "things/{day}"}
schema:
  - name: things
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: price, logicalType: number, physicalType: "decimal(18,4)", description: "Of one: net"}
      - {name: pieces, logicalType: integer}
      - {name: day, logicalType: string}
"""
SOURCES = """\
# Kept.
sources:
  - name: raw
    tables:
      - name: things
        columns:
          - {name: id, data_type: varchar}  # kept
          - {name: gone, data_type: varchar}
          - name: pieces
            description: How many.
            data_type: integer # kept too
          - {name: day, data_type: varchar}
          - {name: _region, data_type: varchar}
      - name: others
        columns: [{name: x, data_type: varchar}]
"""
STAGING = """\
models:
  - name: stg_things
    columns:
      - {name: price, data_type: "decimal(10, 2)"}
      - {name: day, data_type: date}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "contracts/things.odcs.yaml": CONTRACT,
        "dbt/models/staging/sources.yml": SOURCES,
        "dbt/models/staging/stg_things.yml": STAGING,
        "dbt/models/staging/stg_things.sql": "select price, cast(day as date) as day from x",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def drift_in(project: Path) -> list[str]:
    found = find_drift(load_contracts(project / "contracts"), project / "dbt")
    return [each.sentence.replace(f"{project}/", "").replace("dbt/models/staging/", "") for each in found]


def test_the_demo_projects_yaml_says_what_its_contracts_say() -> None:
    assert [
        each.sentence for each in find_drift(load_contracts(CHECKOUT / "contracts"), CHECKOUT / "dbt_project")
    ] == []


def test_each_difference_is_found_by_its_line_and_what_staging_makes_itself_is_none(project: Path) -> None:
    assert drift_in(project) == [
        "sources.yml:11: pieces is integer, and bigint in contracts/things.odcs.yaml",
        "sources.yml:8: gone is no column of contracts/things.odcs.yaml",
        "sources.yml:7: raw.things lacks price, a column of contracts/things.odcs.yaml",
        "stg_things.yml:4: price is decimal(10, 2), and decimal(18, 4) in contracts/things.odcs.yaml",
    ]


def test_following_writes_what_differs_and_keeps_the_rest_to_the_letter(project: Path) -> None:
    follow(find_drift(load_contracts(project / "contracts"), project / "dbt"))
    assert drift_in(project) == []
    staging = project / "dbt" / "models" / "staging"
    price = '          - {name: price, data_type: "decimal(18, 4)", description: "Of one: net"}\n'
    expected = SOURCES.replace("          - {name: gone, data_type: varchar}\n", "")
    expected = expected.replace("varchar}  # kept\n", f"varchar}}  # kept\n{price}").replace("integer #", "bigint #")
    assert (staging / "sources.yml").read_text() == expected
    assert (staging / "stg_things.yml").read_text() == STAGING.replace("(10, 2)", "(18, 4)")


def test_a_contract_without_a_source_gets_one(project: Path) -> None:
    staging = project / "dbt" / "models" / "staging"
    (staging / "sources.yml").unlink()
    (written, *_) = follow(find_drift(load_contracts(project / "contracts"), project / "dbt"))[::-1]
    assert written == staging / "raw_things.yml"
    assert drift_in(project) == []


def test_a_file_that_is_no_yaml_is_named(project: Path) -> None:
    (project / "dbt" / "models" / "x.yml").write_text("a: [")
    with pytest.raises(TidegateError, match=r"x\.yml is not YAML"):
        drift_in(project)
