"""Writing a draft into a project: the contract, the dbt source and the staging model. What is there is never replaced
unless somebody says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tidegate.contract.model import shown_path
from tidegate.contract.reading.odcs import SUFFIX
from tidegate.drafting.asked import DraftError
from tidegate.drafting.dbt_text import source_yaml
from tidegate.drafting.draft import Draft

# Where a draft writes, below the dbt project.
STAGING = Path("models") / "staging"


def macros_of(dbt_project: Path) -> str:
    """What stands before the names of Tidegate's macros: nothing in a project that has them among its own."""
    return "" if (dbt_project / "macros" / "window.sql").exists() else "tidegate."


def files_of(draft: Draft, contracts: Path, dbt_project: Path) -> Mapping[Path, str]:
    """The text of every file that the draft is written to."""
    dbt = draft.dbt(macros_of(dbt_project))
    staging, source = dbt_project / STAGING, draft.source
    return {
        contracts / f"{source}{SUFFIX}": draft.text,
        staging / f"raw_{source}.yml": source_yaml(draft.contract),
        staging / f"stg_{source}.sql": dbt.model_sql,
        staging / f"stg_{source}.yml": dbt.model_yaml,
    }


def write_draft(draft: Draft, contracts: Path, dbt_project: Path, *, replacing: bool = False) -> list[Path]:
    """Write all files of the draft, or none. Returns them. Raises DraftError where one is there."""
    files = files_of(draft, contracts, dbt_project)
    there = [path for path in files if path.exists()]
    if there and not replacing:
        named = ", ".join(shown_path(path) for path in there)
        raise DraftError(
            f"{named} is there already. Nothing was written. Give the source another name with --source, see the draft "
            "with --show, or replace what is there with --force."
        )
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(files)
