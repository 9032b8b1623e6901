"""`tidegate contract try`: what a file would become, and nothing of it is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.intake.shop import SALES, csv, row
from typer.testing import CliRunner, Result

from tidegate.cli import app
from tidegate.settings import CHECKOUT


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEGATE_PROJECT", str(CHECKOUT))
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TIDEGATE_CONTRACTS", str(tmp_path / "contracts"))
    (tmp_path / "contracts").mkdir()
    flat = SALES.replace("sales/north/{day}", "drop/sales_{day:%Y%m%d}*.csv")
    (tmp_path / "contracts" / "sales.odcs.yaml").write_text(flat)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["contract", "try", *words])


def test_a_sound_file_is_let_in_and_nothing_is_loaded(here: Path) -> None:
    (here / "sales.csv").write_bytes(csv(row(1), row(2), "broken"))
    result = run("sales.csv")
    assert result.exit_code == 0, result.output
    # The newest day that a row happened on.
    assert "As the file of sales/north 2024-03-01" in result.output
    assert "3 rows read: 2 sound, 1 kept out (33.3 %)." in result.output
    assert "unparsable_line, too few fields  sales.csv line 4" in result.output
    assert "It would be let in." in result.output
    assert not (here / "home" / "lake").exists()


def test_one_that_would_be_rejected_says_why_and_ends_so(here: Path) -> None:
    (here / "drop").mkdir()
    (here / "drop" / "sales_20240302.csv").write_bytes(csv(*(row(n, price="x1") for n in range(9))))
    result = run("drop/sales_20240302.csv", "--source", "sales", "--region", "north")
    assert result.exit_code == 1
    assert "sales/north 2024-03-02" in result.output
    assert "invalid_price" in result.output
    assert "price must be decimal(18,4)" in result.output
    assert "It would be rejected: 9 of 9 rows (100 %)" in result.output
    assert "quarantine" not in result.output


def test_files_that_cannot_be_read_say_what_would_help(here: Path) -> None:
    (here / "a").mkdir()
    (here / "a" / "a.csv").write_bytes(b"sale_id;line;price;sold_at\n")
    (here / "a" / "b.csv").write_bytes(b'[{"sale_id": "A1"}]\n')
    (here / "a" / "c.parquet").write_bytes(b"PAR1 and nothing else PAR1")
    result = run("a")
    assert result.exit_code == 1
    assert "write `delimiter: ';'`" in result.output
    assert "write `format: json_array`" in result.output
    assert str(here) not in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.csv"], "There is no file none.csv"),
        (["contracts/sales.odcs.yaml", "--source", "others"], "others"),
        (["contracts/sales.odcs.yaml", "--region", "moon"], "has no server moon"),
        (["contracts/sales.odcs.yaml", "--contract", "none.yaml"], "There is no contract none.yaml"),
        (["contracts/sales.odcs.yaml", "--day", "yesterday"], "yesterday"),
    ],
)
def test_what_cannot_be_tried_is_a_sentence(here: Path, words: list[str], said: str) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output
