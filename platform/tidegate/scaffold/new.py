"""Writing a project into an empty folder, with a sample of three days that it can be run with at once."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.publishing.requirements import DEFAULT_PRODUCT
from tidegate.scaffold.from_samples import WHOLE, Drafted, days_of, drafted_from, write_source
from tidegate.transform.package import write_own_macros

FILES = Path(__file__).with_name("files")

# Files whose names begin with a dot are kept under another name: packaging leaves some of those out.
_DOT = "dot-"

DAYS = 3

# What may be in the folder before: the environment that Tidegate was installed into, and a repository without files.
MAY_BE_THERE = frozenset({".venv", ".git"})

# What only the project's own sample needs.
OF_THE_SAMPLE = ("contracts/", "dbt_project/models/")

# dbt has packages of these names, and one project with each.
_TAKEN = frozenset({"tidegate", "dbt", "dbt_duckdb", "test", "tests"})

_PRODUCTS = ("apples", "bread", "coffee")


@dataclass(frozen=True)
class NewProject:
    """What was written: where, and the days of the sample."""

    folder: Path
    source: str
    mart: str
    first: dt.date
    last: dt.date
    drafts: tuple[Drafted, ...] = ()


def new_project(folder: Path, today: dt.date, samples: Sequence[str] = ()) -> NewProject:
    """Write a project into `folder`, which is made, or is there and empty but for MAY_BE_THERE. Its sources are drafted
    from the samples; without any, it has one whose sample is of the days before today.

    Raises TidegateError, with nothing written, for a folder that holds anything else, and for samples that nothing can
    be drafted from.
    """
    refuse_what_holds_something(folder)
    with tempfile.TemporaryDirectory(prefix="tidegate-new-") as scratch:
        drafts = tuple(drafted_from(samples, Path(scratch)))
        return _new_project(folder, today, drafts)


def _new_project(folder: Path, today: dt.date, drafts: tuple[Drafted, ...]) -> NewProject:
    yesterday = today - dt.timedelta(days=1)
    first, last = days_of(drafts) if drafts else (today - dt.timedelta(days=DAYS), yesterday)
    # A day can be run once it has ended.
    last = min(last, max(first, yesterday))
    source, mart = (drafts[0].source, drafts[0].mart) if drafts else ("sales", "daily_sales")
    project = NewProject(folder.absolute(), source, mart, first, last, drafts)
    words = {
        "project": project.folder.name,
        "name": dbt_name(project.folder.name),
        "version": version("tidegate"),
        "first": first.isoformat(),
        "last": last.isoformat(),
        "source": project.source,
        "mart": project.mart,
        "product": DEFAULT_PRODUCT,
    }
    # Beside it and moved there, so that a command that fails leaves no half of a project.
    beside = project.folder.with_name(f".{project.folder.name}.tidegate-new")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        _write(beside, words, project)
        project.folder.mkdir(parents=True, exist_ok=True)
        for child in sorted(beside.iterdir()):
            child.rename(project.folder / child.name)
        beside.rmdir()
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise TidegateError(
            f"The project cannot be written to {project.folder}: {error.strerror or error}. Nothing was kept. Name "
            "a folder that can be written to."
        ) from error
    return project


def refuse_what_holds_something(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        held = sorted(child.name for child in folder.iterdir() if child.name not in MAY_BE_THERE)
        if not held:
            return
        raise TidegateError(
            f"{folder} is not an empty folder: it holds {held[0]}{' and more' if len(held) > 1 else ''}. Nothing was "
            f"written. Name one that is still to be made, or is empty but for {' and '.join(sorted(MAY_BE_THERE))}."
        )
    if folder.exists() or folder.is_symlink():
        raise TidegateError(f"{folder} is not an empty folder. Nothing was written. Name one that is still to be made.")


def dbt_name(name: str) -> str:
    """A name that dbt takes for a project, like this one."""
    plain = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")
    if not plain or not plain[0].isalpha() or plain in _TAKEN:
        plain = f"project_{plain}".rstrip("_")
    return plain


def _write(folder: Path, words: Mapping[str, str], project: NewProject) -> None:
    for name, text in _files(words):
        if project.drafts and name.startswith(OF_THE_SAMPLE):
            continue
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    shutil.copyfile(folder / ".env.example", folder / ".env")
    write_own_macros(folder / "dbt_project")
    for drafted in project.drafts:
        write_source(drafted, folder)
    if not project.drafts:
        _write_sample(folder, project)


def _write_sample(folder: Path, project: NewProject) -> None:
    for day in (project.first + dt.timedelta(days=n) for n in range(DAYS)):
        delivery = folder / "landing" / project.source / day.isoformat()
        delivery.mkdir(parents=True)
        (delivery / "sales.csv").write_text("\n".join(_sample(day)) + "\n", encoding="utf-8")
        (delivery / WHOLE).touch()


def _files(words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The project's files by name, with these words in place of `@word@`."""
    for file in sorted(path for path in FILES.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        name = "/".join(re.sub(f"^{_DOT}", ".", part) for part in file.relative_to(FILES).parts)
        text = file.read_text(encoding="utf-8")
        yield name, re.sub(r"@(\w+)@", lambda found: words.get(found.group(1), found.group()), text)


def _sample(day: dt.date) -> Iterator[str]:
    yield "sale_id,product,quantity,amount,sold_at"
    for number in range(12):
        quantity = 1 + (day.toordinal() + number) % 4
        moment = dt.datetime.combine(day, dt.time(8)) + dt.timedelta(minutes=41 * number)
        product = _PRODUCTS[number % len(_PRODUCTS)]
        yield f"{day:%Y%m%d}-{number:02},{product},{quantity},{quantity * 2}.50,{moment:%Y-%m-%d %H:%M:%S}"
    # A row that breaks the contract, so that there is one to look at: tidegate quarantine list
    yield f"{day:%Y%m%d}-12,tea,0,0.00,{day} 20:00:00"
