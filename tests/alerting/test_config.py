"""alerting.yml is checked when it is loaded, and says what is wrong without repeating what may be a secret."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.alerting.receivers import TOKEN

from tidegate.alerting.config import Hours, load_alerting
from tidegate.alerting.trouble import Kind, Severity
from tidegate.errors import TidegateError
from tidegate.settings import CHECKOUT

SLACK = "channels: {slack: {type: slack, url_variable: SLACK_URL}}\n"


def load(tmp_path: Path, text: str) -> object:
    path = tmp_path / "alerting.yml"
    path.write_text(text)
    return load_alerting(path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("channels: [", "it is not YAML"),
        ("channel: {}", "channel: Extra inputs are not permitted"),
        ("channels: {a: {type: carrier-pigeon}}", "channels.a: "),
        ("channels: {a: {type: slack}}", "channels.a.slack.url_variable: Field required"),
        (f"channels: {{a: {{type: slack, url_variable: 'https://h/{TOKEN}'}}}}", "is not the name of an environment"),
        (
            f"channels: {{a: {{type: pagerduty, key_variable: K, address: 'https://u:{TOKEN}@h/'}}}}",
            "holds a user, a password or a token",
        ),
        (SLACK + "routes: [{to: slak}]", "routes[0] names the channel 'slak', which is not among channels: own, slack"),
        (SLACK + "escalate: [{after_minutes: 5, to: mail}]", "escalate[0] names the channel 'mail'"),
        (SLACK + "ready: [{to: mail}]", "ready[0] names the channel 'mail'"),
        (SLACK + "severity: {held: BAD}", "severity.held: "),
        (SLACK + "quiet_hours: at night", "quiet_hours: is not written as 08:00-18:00"),
        (SLACK + "repeat_minutes: {CRITICAL: 0}", "repeat_minutes.CRITICAL: "),
        (SLACK + "quiet_hours: '08:00-08:00'", "quiet_hours: ends when it begins"),
        (SLACK + "digest_at: 10:00", 'digest_at: is not written as "09:00", in quotes'),
        (SLACK + "digest_at: '09:00+02:00'", 'digest_at: is not written as "09:00", in quotes'),
        (SLACK + "routes: [{to: }]", "routes.0.to: "),
        (SLACK + SLACK, "line 2, column 1: 'channels' is there twice"),
        (f"channels: {{a: {{type: slack}}\nkey: '{TOKEN}\n", "it is not YAML: line 2"),
        ("channels: {own: {type: slack, url_variable: A}}", "stands for those that products name"),
        ("channels: {m: {type: email, smtp_variable: S, sender: a@b.c, to: ann}}", "holds no address of mail"),
        ("channels: {p: {type: pagerduty, key_variable: K, address: events}}", "does not begin with https://"),
        ("- a\n", "it holds no keys, such as channels"),
    ],
)
def test_a_file_that_cannot_work_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(TidegateError) as error:
        load(tmp_path, text)
    assert complaint in str(error.value)
    assert TOKEN not in str(error.value)
    assert "so nobody is told of anything" in str(error.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "alerting.yml").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "alerting.yml", tmp_path):
        with pytest.raises(TidegateError, match="it is not a file of text"):
            load_alerting(path)


def test_without_a_file_nobody_is_told(tmp_path: Path) -> None:
    assert not load_alerting(tmp_path / "alerting.yml").channels


def test_the_file_of_the_documentation_works(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "on-call.md").read_text()
    config = load(tmp_path, page.partition("```yaml\n")[2].partition("```")[0])
    assert config.variables == [  # type: ignore[attr-defined]
        *("DASHBOARDS_TOKEN", "DASHBOARDS_URL", "HEARTBEAT_URL", "PAGERDUTY_KEY", "SALES_SLACK_URL", "SMTP_URL")
    ]


def test_every_kind_has_its_section() -> None:
    page = (CHECKOUT / "docs" / "on-call.md").read_text()
    assert [kind for kind in Kind if f"\n## {kind.heading}\n" not in page] == []


def test_a_product_says_how_severe_and_how_near(tmp_path: Path) -> None:
    text = "severity: {held: LOW}\nproducts: {sales: {severity: {held: HIGH}, margin_minutes: 120}}"
    severities = load(tmp_path, text).severities  # type: ignore[attr-defined]
    assert severities.of(Kind.held, ["customers"]) == Severity.low
    assert severities.of(Kind.held, ["customers", "sales"]) == Severity.high
    assert severities.margin_of("sales") == dt.timedelta(hours=2)


@pytest.mark.parametrize(
    ("hours", "inside", "outside"), [("08:00-18:00", "08:00", "18:00"), ("22:00-07:00", "03:00", "07:00")]
)
def test_hours_may_go_over_midnight(hours: str, inside: str, outside: str) -> None:
    found = Hours.model_validate(hours)
    assert found.hold(dt.time.fromisoformat(inside))
    assert not found.hold(dt.time.fromisoformat(outside))
