"""Projects come by Tidegate's dbt package without a network, and by no other version's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tidegate.errors import TidegateError
from tidegate.explain.macros import macros_page
from tidegate.settings import CHECKOUT
from tidegate.transform.package import DBT_PACKAGE, OF_THE_PROJECT, is_named_by, link_package


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dbt_project.yml").write_text("name: mine\n")
    return tmp_path


def test_it_is_linked_once_and_again_where_the_link_leads_elsewhere(project: Path, tmp_path: Path) -> None:
    link = link_package(project)
    assert link == project / "dbt_packages" / "tidegate"
    assert link.resolve() == DBT_PACKAGE
    inode = link.lstat().st_ino
    assert link_package(project).lstat().st_ino == inode

    link.unlink()
    link.symlink_to(tmp_path / "of a Python that is gone")
    assert link_package(project).resolve() == DBT_PACKAGE


def test_a_copy_of_this_version_stays_and_one_of_another_is_refused_and_kept(project: Path) -> None:
    copied = project / "dbt_packages" / "tidegate"
    shutil.copytree(DBT_PACKAGE, copied)
    assert not link_package(project).is_symlink()

    (copied / "macros" / "window.sql").write_text("{% macro in_window(column) %}true{% endmacro %}")
    with pytest.raises(TidegateError, match=r"is not the dbt package of Tidegate .* Delete it"):
        link_package(project)
    assert (copied / "macros" / "window.sql").is_file()


@pytest.mark.parametrize(
    ("packages", "named"),
    [
        ("packages:\n  - local: ../platform/tidegate/dbt\n", True),
        ("packages:\n  - local: \"{{ env_var('TIDEGATE_DBT_PACKAGE', 'dbt_packages/tidegate') }}\"\n", True),
        ("packages:\n  - package: dbt-labs/dbt_utils\n", False),
        (None, False),
    ],
)
def test_a_project_without_it_is_left_alone(project: Path, packages: str | None, named: bool) -> None:
    if packages is not None:
        (project / "packages.yml").write_text(packages)
    assert is_named_by(project) is named


def test_the_demo_has_the_macros_that_every_project_has_and_the_page_names_all() -> None:
    for file in OF_THE_PROJECT:
        assert (CHECKOUT / "dbt_project" / "macros" / file.name).read_text() == file.read_text()
    written = (CHECKOUT / "docs" / "dbt-package.md").read_text()
    assert written == macros_page(), "run: python -m tidegate.explain.macros > docs/dbt-package.md"
