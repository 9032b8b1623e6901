"""A breaker opens after failures in a row, probes after its pause, and closes on success or by a person's hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance, DagsterRunStatus
from hypothesis import given
from hypothesis import strategies as st
from tests.support.runs.home import NewHome
from tests.support.runs.today import days_ago
from tests.support.runs.watched import Watched
from typer.testing import CliRunner

from tidegate.cli import app
from tidegate.orchestration.history.breaker import Breaker, Contact, Pace, breaker_after
from tidegate.orchestration.history.contacts import (
    breaker_observation,
    close_breaker,
    contact,
    health_of,
)
from tidegate.orchestration.history.health import troubled_sources
from tidegate.orchestration.history.instance_record import InstanceRecord
from tidegate.orchestration.instance.dagster_home import instance_config
from tidegate.orchestration.names import load_job
from tidegate.orchestration.partitions import partition_tags
from tidegate.orchestration.runs import QUIET
from tidegate.settings import load_settings
from tidegate.window import Window

MINUTE = dt.timedelta(minutes=1)
START = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
PACE = Pace(failures=3, pause=5 * MINUTE, longest_pause=30 * MINUTE)


def at(minutes: float) -> dt.datetime:
    return START + MINUTE * minutes


def down(minutes: float) -> Contact:
    return Contact(at(minutes), "down", f"It was down in minute {minutes}.")


def up(minutes: float) -> Contact:
    return Contact(at(minutes), "up")


def after(*contacts: Contact) -> Breaker:
    return breaker_after(contacts, PACE)


def test_it_opens_after_that_many_failures_in_a_row() -> None:
    assert after(down(1), down(2)).open_until is None
    assert after(down(1), down(2), up(3), down(4), down(5)).open_until is None
    opened = after(down(1), down(2), down(3))
    assert (opened.open_until, opened.error) == (at(8), "It was down in minute 3.")
    assert opened.is_open(at(7))
    assert not opened.wants_a_probe(at(7))
    assert opened.wants_a_probe(at(8))


def test_a_failing_probe_opens_it_for_twice_as_long_up_to_the_longest_pause() -> None:
    contacts, pauses = [down(1), down(2), down(3)], []
    for _ in range(5):
        breaker = after(*contacts)
        assert breaker.open_until is not None
        pauses.append((breaker.open_until - contacts[-1].at) / MINUTE)
        contacts.append(Contact(breaker.open_until, "down", "still"))
    assert pauses == [5, 10, 20, 30, 30]


def test_runs_that_were_under_way_when_it_opened_do_not_lengthen_the_pause() -> None:
    assert after(down(1), down(2), down(3), down(4), down(5)).open_until == at(8)


def test_a_probe_by_a_clock_that_is_slow_is_still_a_probe() -> None:
    assert after(down(1), down(2), down(3), down(7.5)).open_until == at(17.5)


@pytest.mark.parametrize("outcome", ["up", "closed"])
def test_an_answer_or_a_person_closes_it_and_all_begins_anew(outcome: str) -> None:
    fixed = Contact(at(8), "up" if outcome == "up" else "closed")
    closed = after(down(1), down(2), down(3), fixed)
    assert closed == Breaker()
    assert after(down(1), down(2), down(3), fixed, down(9), down(10)).open_until is None
    assert after(down(1), down(2), down(3), fixed, down(9), down(10), down(11)).open_until == at(16)


@given(st.lists(st.tuples(st.integers(0, 500), st.sampled_from(["up", "down", "closed"]))))
def test_whatever_happens_it_is_closed_or_wants_a_probe_before_long(history: list[tuple[int, str]]) -> None:
    contacts = [Contact(at(minute), outcome) for minute, outcome in history]  # type: ignore[arg-type]
    breaker = breaker_after(contacts, PACE)
    end = max((each.at for each in contacts), default=START)
    assert not breaker.is_open(end + PACE.longest_pause)
    newest = [each.outcome for each in sorted(contacts, key=lambda each: each.at)][-3:]
    assert (breaker.open_until is not None) == (len(newest) == 3 and set(newest) == {"down"})


def test_the_sentence_tells_what_to_do() -> None:
    sentence = after(down(1), down(2), down(3)).sentence("customers", at(4))
    assert "customers is open after 3 failures in a row" in sentence
    assert "2024-06-01 00:08:00 UTC" in sentence
    assert "It was down in minute 3." in sentence
    assert "tidegate breaker close customers" in sentence


# --- what the event log remembers


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder of an instance whose storage outlives those who open it."""
    settings = load_settings(home=tmp_path)
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / "dagster.yaml").write_text(yaml.safe_dump(instance_config(settings)))
    return settings.dagster_home


def tell(instance: DagsterInstance, *errors: str | None) -> None:
    for error in errors:
        instance.report_runless_asset_event(contact("orders", error))


def test_its_state_outlives_the_process_that_saw_it(kept: Path) -> None:
    with DagsterInstance.from_config(str(kept)) as first:
        tell(first, "no", "no", "no route to host")
    with DagsterInstance.from_config(str(kept)) as second:
        breaker = health_of(second, "orders", PACE).breaker
        assert (breaker.failures, breaker.error) == (3, "no route to host")
        assert breaker.open_until is not None
        assert health_of(second, "customers", PACE).breaker == Breaker()
        assert list(troubled_sources(InstanceRecord(second), ["orders", "customers"], PACE)) == ["orders"]


def test_a_person_closes_it_from_the_command_line(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_HOME", str(kept.parent))
    monkeypatch.setenv("TIDEGATE_BREAKER_FAILURES", "3")
    with DagsterInstance.from_config(str(kept)) as instance:
        tell(instance, "no", "no", "no")
        closed = CliRunner().invoke(app, ["breaker", "close", "orders"])
        assert closed.exit_code == 0, closed.output
        assert health_of(instance, "orders", PACE).breaker == Breaker()
        assert "sources" in str(instance.get_asset_keys())
    unknown = CliRunner().invoke(app, ["breaker", "close", "oders"])
    assert unknown.exit_code == 1
    assert "no source oders" in unknown.output


def test_a_load_that_died_counts_as_one_that_told(watched: Watched) -> None:
    instance = watched.instance
    watched.fail_to_load()
    tell(instance, "no")
    watched.run(load_job("orders"), Window.of_day(days_ago(5)), DagsterRunStatus.CANCELED)
    assert health_of(instance, "orders", PACE).breaker.failures == 2
    tell(instance, None)
    assert health_of(instance, "orders", PACE).breaker.failures == 0
    watched.fail_to_load()
    assert health_of(instance, "orders", PACE).breaker.failures == 1


def test_a_load_without_room_says_so_to_whoever_looks_at_its_source(new_home: NewHome) -> None:
    """Regression: the source's breaker and incident said that the log tells why."""
    home, day = new_home(start_date=days_ago(3), memory_limit="10MB", threads=1), days_ago(1)
    home.landing.customers(day, (f"c{number}" for number in range(200_000)))
    home.definitions.resolve_job_def(load_job("customers")).execute_in_process(
        instance=home.runner.instance,
        tags=partition_tags(Window.of_day(day)),
        run_config=QUIET,
        raise_on_error=False,
    )
    breaker = health_of(home.runner.instance, "customers", PACE).breaker

    assert breaker.failures == 1
    assert "could not be judged: Out of Memory Error" in breaker.error


def test_a_change_of_state_is_told_once(watched: Watched) -> None:
    instance = watched.instance
    assert not health_of(instance, "orders", PACE).unreported
    tell(instance, "no", "no", "no")
    opened = health_of(instance, "orders", PACE)
    assert opened.unreported
    instance.report_runless_asset_event(breaker_observation("orders", opened.breaker, START))
    assert not health_of(instance, "orders", PACE).unreported
    tell(instance, None)
    assert health_of(instance, "orders", PACE).unreported
    instance.report_runless_asset_event(
        breaker_observation("orders", health_of(instance, "orders", PACE).breaker, START)
    )
    assert not health_of(instance, "orders", PACE).unreported
    tell(instance, "no", "no", "no")
    close_breaker(instance, "orders")
    assert not health_of(instance, "orders", PACE).unreported


def test_a_sensor_that_cannot_look_is_known_by_its_last_word(watched: Watched) -> None:
    instance = watched.instance
    instance.report_runless_asset_event(contact("orders", "access denied", listing=True))
    assert health_of(instance, "orders", PACE).listing_failed
    tell(instance, None)
    assert not health_of(instance, "orders", PACE).listing_failed
