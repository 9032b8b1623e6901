"""What keeps a home from working is found, said with what to do, and nothing is changed by looking."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import socket
from pathlib import Path

import pytest
from tests.support.lake.older import FIRST_HOME, OLDER_DUCKLAKE, unpacked
from tests.support.runs.home import FIRST_DAY, NewHome
from typer.testing import CliRunner

from tidegate.cli import app
from tidegate.demo.crm import Crm, Snapshots
from tidegate.demo.trade import Shop
from tidegate.home import Home
from tidegate.ledger.upkeep.opening import make_lake
from tidegate.orchestration.doctor.examine import examine
from tidegate.orchestration.doctor.finding import Finding
from tidegate.orchestration.instance.dagster_home import make_instance
from tidegate.settings import CHECKOUT, Settings, load_settings
from tidegate.window import ONE_DAY

SECRET = "a-token-that-must-show-nowhere"


def found(settings: Settings, now: dt.datetime | None = None) -> list[Finding]:
    home = Home(settings, read_only=True)
    try:
        return list(examine(home, now or dt.datetime.now(dt.UTC)))
    finally:
        home.close()


def bad(settings: Settings, now: dt.datetime | None = None) -> list[str]:
    """The checks that found something bad, once each, and that each says what to do."""
    findings = [finding for finding in found(settings, now) if finding.state == "bad"]
    return list(dict.fromkeys(finding.check for finding in findings))


@pytest.fixture
def settings(new_home: NewHome) -> Settings:
    made = new_home().settings
    make_instance(made)
    return made


def test_a_sound_home_is_good_and_looking_changes_nothing(settings: Settings) -> None:
    before = {path for path in settings.home.rglob("*") if path.is_file()}
    assert bad(settings) == []
    there = {path for path in settings.home.rglob("*") if path.is_file()}
    # What SQLite itself has beside a database that it reads, and the parsed project.
    assert {path for path in there - before if "-wal" not in path.name and "-shm" not in path.name} <= {
        path for path in there if path.is_relative_to(settings.scratch)
    }


def test_what_is_wrong_is_said_once_with_what_to_do(settings: Settings, tmp_path: Path) -> None:
    no_project = settings.model_copy(update={"dbt_project": tmp_path})
    assert "settings" in bad(no_project)
    # The lake was written after this moment.
    assert bad(settings, dt.datetime.now(dt.UTC) - ONE_DAY) == ["clocks"]


@pytest.mark.slow
def test_a_broken_file_of_own_definitions_is_found_with_its_line(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "definitions.py"
    file.write_text("import dagster as dg\n\ndefs = dg.Definitions(assets=[undefined])\n")
    own = settings.model_copy(update={"defs": file})
    (said,) = [finding for finding in found(own) if finding.check == "own definitions"]
    assert (said.state, said.sentence) == (
        "bad",
        f"{file}, line 3: NameError: name 'undefined' is not defined",
    )
    assert "Correct the file" in said.what_to_do
    file.unlink()
    assert "own definitions" in bad(own)


def test_a_file_that_is_lost_is_found(settings: Settings) -> None:
    with Home(settings).lake() as lake:
        lake.con.execute("create table raw.orders as select range as n from range(1000)")
    next(Path(settings.lake_data, "raw", "orders").glob("*.parquet")).unlink()
    (finding,) = [each for each in found(settings) if each.state == "bad"]
    assert finding.sentence.startswith("Lost: raw.orders: ")
    assert finding.what_to_do == "Have it made again: tidegate repair"


def test_the_servers_of_channels_are_connected_to(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerting = tmp_path / "alerting.yml"
    alerting.write_text(
        "channels:\n  chat: {type: slack, url_variable: CHAT}\n"
        "  mail: {type: email, smtp_variable: MAIL, sender: a@example.com, to: [b@example.com]}\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as gone:
        monkeypatch.setenv("CHAT", f"http://127.0.0.1:{server.getsockname()[1]}/{SECRET}")
        monkeypatch.setenv("MAIL", f"smtp://user:{SECRET}@127.0.0.1:{gone.getsockname()[1]}")
        gone.close()
        findings = found(settings.model_copy(update={"alerting": alerting}))
    said = {each.sentence.partition(":")[0]: each.state for each in findings if each.check == "channels"}
    assert said == {"The channel chat can be reached.": "good", "The channel mail cannot be reached": "bad"}
    assert SECRET not in repr(findings)


@pytest.mark.slow
@pytest.mark.parametrize("packed", [FIRST_HOME, OLDER_DUCKLAKE])
def test_an_older_home_is_to_be_upgraded(packed: Path, tmp_path: Path) -> None:
    unpacked(packed, tmp_path)
    settings = load_settings(home=tmp_path)
    make_instance(settings)
    findings = [each for each in found(settings) if each.check == "versions"]
    assert [each.what_to_do for each in findings] == ["Bring it up to date: tidegate upgrade"]


def test_where_there_is_no_lake_that_is_said_once(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home")
    missing = [each for each in found(settings) if "There is no lake at" in each.sentence]
    assert len(missing) == 1
    assert not (tmp_path / "home").exists()


@pytest.mark.slow
def test_sources_are_asked_and_secrets_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    contracts = tmp_path / "contracts"
    shutil.copytree(CHECKOUT / "examples" / "unattended" / "contracts", contracts)
    customers = (contracts / "customers.odcs.yaml").read_text()
    token = "- {property: baseUrlVariable, value: CRM_URL}\n      - {property: tokenVariable, value: CRM_TOKEN}"
    (contracts / "customers.odcs.yaml").write_text(
        customers.replace("- {property: baseUrlVariable, value: CRM_URL}", token).replace("value: 600}", "value: 5}")
    )
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TIDEGATE_CONTRACTS", str(contracts))
    settings = load_settings()
    make_lake(Home(settings).lake_config).close()
    make_instance(settings)

    missing = [each.sentence.split()[3].strip(",") for each in found(settings) if each.check == "credentials"]
    assert missing == ["CRM_URL", "CRM_TOKEN", "SHOP_DATABASE"]
    with Crm(Snapshots(Shop(FIRST_DAY, orders_per_day=5, seed=7), page_size=10), token=SECRET) as crm:
        monkeypatch.setenv("CRM_URL", crm.url)
        monkeypatch.setenv("CRM_TOKEN", SECRET)
        monkeypatch.setenv("SHOP_DATABASE", f"host=127.0.0.1 port=9 password={SECRET}")
        findings = found(settings, dt.datetime.combine(FIRST_DAY + ONE_DAY, dt.time(12), dt.UTC))
    assert any(each.sentence.startswith("customers/crm can be reached") for each in findings)
    (database,) = [each for each in findings if each.check == "sources" and each.state == "bad"]
    assert database.sentence.startswith("payments/shop cannot be reached")

    result = CliRunner().invoke(app, ["doctor", "--format", "json"])
    assert result.exit_code == 1
    reported = json.loads(result.stdout)
    assert {each["state"] for each in reported} == {"good", "warning", "bad"}
    assert any(each["sentence"].startswith("customers/crm cannot be reached") for each in reported)
    assert SECRET not in result.output + repr(findings) + "".join(capsys.readouterr())
