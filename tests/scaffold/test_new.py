"""A project is written whole into an empty folder, and into no other."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
import yaml

from tidegate.contract.reading.odcs import load_contracts
from tidegate.errors import TidegateError
from tidegate.project import is_project, project_at
from tidegate.scaffold.new import dbt_name, new_project
from tidegate.settings import CHECKOUT
from tidegate.transform.package import OF_THE_PROJECT, is_named_by

TODAY = dt.date(2024, 3, 1)


def test_a_project_is_found_and_nothing_in_it_is_left_to_fill_in(tmp_path: Path) -> None:
    folder = tmp_path / "Müller & Söhne"
    written = new_project(folder, TODAY)

    assert (written.first, written.last) == (dt.date(2024, 2, 27), dt.date(2024, 2, 29))
    assert is_project(folder)
    assert project_at(None, folder / "landing" / "sales") == folder
    assert is_named_by(folder / "dbt_project")
    assert load_contracts(folder / "contracts").keys() == {"sales"}
    assert yaml.safe_load((folder / "dbt_project" / "dbt_project.yml").read_text())["name"] == "m_ller_s_hne"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [str(path) for path in files if re.search(r"@[a-z]+@", path.read_text())] == []
    assert {path.parent.name for path in files if path.name == "_SUCCESS"} == {"2024-02-27", "2024-02-28", "2024-02-29"}
    assert {".env", ".env.example", ".gitignore", ".github"} <= {path.name for path in folder.iterdir()}
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_an_empty_folder_is_filled_and_one_with_anything_in_it_is_refused_and_kept(tmp_path: Path) -> None:
    empty, full, file = tmp_path / "empty", tmp_path / "full", tmp_path / "file"
    empty.mkdir()
    new_project(empty, TODAY)
    assert is_project(empty)

    full.mkdir()
    (full / ".hidden").touch()
    file.touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for refused in (full, file, tmp_path / "link", empty):
        with pytest.raises(TidegateError, match="is not an empty folder"):
            new_project(refused, TODAY)
    assert [path.name for path in full.iterdir()] == [".hidden"]


def test_the_environment_and_the_repository_of_a_project_may_be_there_before(tmp_path: Path) -> None:
    for name in (".venv", ".git"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kept").touch()
    new_project(tmp_path, TODAY)
    assert is_project(tmp_path)
    assert all((tmp_path / name / "kept").exists() for name in (".venv", ".git"))


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TidegateError, match=r"cannot be written .* Nothing was kept"):
        new_project(tmp_path / "file" / "shop", TODAY)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_sources_are_drafted_from_samples_which_become_deliveries(tmp_path: Path) -> None:
    (tmp_path / "days").mkdir()
    (tmp_path / "visits.csv").write_text("place;at\nBergen;2024-03-05 10:00:00\nLund;2024-03-05 11:00:00\n")
    for day in (3, 4):
        rows = '{"item": "a", "left": 3}\n{"item": "b", "left": 4}\n'
        (tmp_path / "days" / f"stock-2024-03-0{day}.json").write_text(rows)
    written = new_project(
        tmp_path / "shop", dt.date(2024, 3, 6), [str(tmp_path / "visits.csv"), str(tmp_path / "days")]
    )

    assert (written.first, written.last) == (dt.date(2024, 3, 3), dt.date(2024, 3, 5))
    assert load_contracts(tmp_path / "shop" / "contracts").keys() == {"stock", "visits"}
    landing = tmp_path / "shop" / "landing"
    assert sorted(path.relative_to(landing).as_posix() for path in landing.rglob("*") if path.is_file()) == [
        "stock/2024-03-03/_SUCCESS",
        "stock/2024-03-03/stock-2024-03-03.json",
        "stock/2024-03-04/_SUCCESS",
        "stock/2024-03-04/stock-2024-03-04.json",
        "visits/2024-03-05/_SUCCESS",
        "visits/2024-03-05/visits.csv",
    ]
    models = {path.name for path in (tmp_path / "shop" / "dbt_project" / "models").rglob("*.sql")}
    assert models == {"daily_stock.sql", "daily_visits.sql", "stg_stock.sql", "stg_visits.sql"}


def test_a_sample_that_says_no_day_is_of_the_last_day_of_the_others_or_of_yesterday(tmp_path: Path) -> None:
    (tmp_path / "shops.csv").write_text("shop,town\n1,Bergen\n2,Lund\n")
    (tmp_path / "visits_2024-02-05.csv").write_text("visit_id,shop\na,1\nb,2\n")
    shops, visits = str(tmp_path / "shops.csv"), str(tmp_path / "visits_2024-02-05.csv")

    both = new_project(tmp_path / "both", TODAY, [shops, visits])
    assert (both.first, both.last) == (dt.date(2024, 2, 5), dt.date(2024, 2, 5))
    assert (tmp_path / "both" / "landing" / "shops" / "2024-02-05" / "shops.csv").is_file()

    before = dt.datetime.now(dt.UTC).date()
    alone = new_project(tmp_path / "alone", before, [shops])
    assert alone.first == alone.last < dt.datetime.now(dt.UTC).date()


def test_make_run_ends_with_the_last_day_that_has_ended(tmp_path: Path) -> None:
    for day in (28, 29):
        (tmp_path / "days").mkdir(exist_ok=True)
        (tmp_path / "days" / f"visits_2024-02-{day}.csv").write_text("visit_id,shop\na,1\nb,2\n")
    written = new_project(tmp_path / "shop", dt.date(2024, 2, 29), [str(tmp_path / "days")])
    assert (written.first, written.last) == (dt.date(2024, 2, 28), dt.date(2024, 2, 28))


def test_samples_that_cannot_be_drafted_from_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "visits.csv").write_text("place\nBergen\n")
    twice = [str(tmp_path / folder / "visits.csv") for folder in ("a", "b")]
    for samples in (twice, [str(tmp_path / "empty.csv")], [str(tmp_path / "nowhere.csv")]):
        with pytest.raises(TidegateError, match="Nothing was written"):
            new_project(tmp_path / "shop", TODAY, samples)
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("shop", "shop"),
        ("My Shop", "my_shop"),
        ("2024", "project_2024"),
        ("...", "project"),
        ("tidegate", "project_tidegate"),
    ],
)
def test_dbt_gets_a_name_that_it_takes(folder: str, name: str) -> None:
    assert dbt_name(folder) == name


def test_what_a_project_shares_with_the_demo_is_the_same(tmp_path: Path) -> None:
    new_project(tmp_path / "shop", TODAY)
    for name in ("profiles.yml", *(f"macros/{file.name}" for file in OF_THE_PROJECT)):
        assert (tmp_path / "shop" / "dbt_project" / name).read_text() == (CHECKOUT / "dbt_project" / name).read_text()
