"""`alerting.yml`: which channels there are, who is told of what, how often, and how severe each trouble is.

The file names environment variables and holds no address that is a secret, nor a token. It is checked whole when it is
loaded.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from tidegate.addresses import holds_secret
from tidegate.alerting.severities import CRITICAL_AT, MARGIN, Severities
from tidegate.alerting.trouble import Kind, Severity
from tidegate.contract.model import shown_path
from tidegate.errors import TidegateError

# Stands among the channels of a route for those that the products and the source name themselves: `alert_channel` of a
# dbt group, `support` of a contract.
OWN = "own"

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d"
_HOURS = re.compile(rf"{_TIME}-(?:{_TIME}|24:00)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        # What stands there may be the secret itself, so it is not repeated.
        raise ValueError("is not the name of an environment variable; put the value into one and write its name here")
    return name


def _without_secret(text: str) -> str:
    if holds_secret(text):
        raise ValueError("holds a user, a password or a token; put it into an environment variable and name that")
    return text


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("holds a line break or another control character")
    return text


def _mailbox(text: str) -> str:
    if "@" not in text:
        raise ValueError("holds no address of mail")
    return _one_line(text)


def _web_address(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError("does not begin with https:// or http://")
    return _without_secret(text)


def _time_of_day(value: object) -> object:
    """Only a text: YAML reads 10:00 without quotes as the number 600, which would be ten minutes past midnight."""
    if isinstance(value, dt.time) or (isinstance(value, str) and re.fullmatch(_TIME, value)):
        return value
    raise ValueError('is not written as "09:00", in quotes')


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else ([] if value is None else value)


class _Hours(BaseModel):
    """From when to when, by the platform's clock; over midnight where the end is before the start."""

    model_config = ConfigDict(frozen=True)
    start: dt.time
    end: dt.time

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, str):
            if not _HOURS.fullmatch(value):
                raise ValueError("is not written as 08:00-18:00")
            start, end = value.split("-")
            if start == end:
                raise ValueError("ends when it begins; leave it out where it holds at any time")
            return {"start": start, "end": "00:00" if end.startswith("24") else end}
        return value

    def hold(self, time: dt.time) -> bool:
        if self.start < self.end:
            return self.start <= time < self.end
        return time >= self.start or time < self.end


Hours = _Hours
Variable = Annotated[str, AfterValidator(_variable)]
Plain = Annotated[str, AfterValidator(_without_secret)]
OneLine = Annotated[str, AfterValidator(_one_line)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
TimeOfDay = Annotated[dt.time, BeforeValidator(_time_of_day)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Receivers = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
Severitys = Annotated[tuple[Severity, ...], BeforeValidator(_listed)]
Minutes = Annotated[int, Field(ge=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Channel(_Strict):
    # In an hour; what is more is counted in one message.
    per_hour: Minutes = 20


class Slack(_Channel):
    """An incoming webhook of Slack, or of what speaks its language (Mattermost, Rocket.Chat)."""

    type: Literal["slack"]
    url_variable: Variable


class Teams(_Channel):
    """A workflow of Microsoft Teams that takes an adaptive card."""

    type: Literal["teams"]
    url_variable: Variable


class PagerDuty(_Channel):
    """The Events API v2 of PagerDuty; `address` for its region in Europe, or for what speaks its language."""

    type: Literal["pagerduty"]
    key_variable: Variable
    address: WebAddress = "https://events.pagerduty.com/v2/enqueue"


class Email(_Channel):
    """Mail by SMTP. The variable holds `smtp://user:password@host:587`, or `smtps://`; TLS is begun where offered."""

    type: Literal["email"]
    smtp_variable: Variable
    sender: Mailbox
    to: Annotated[tuple[Mailbox, ...], BeforeValidator(_listed), Field(min_length=1)]


class Webhook(_Channel):
    """JSON to any address; the token, where there is one, as a bearer."""

    type: Literal["webhook"]
    url_variable: Variable
    token_variable: Variable | None = None


class Apprise(_Channel):
    """Any of the services that apprise knows; the variable holds its URL."""

    type: Literal["apprise"]
    url_variable: Variable


Channel = Annotated[Slack | Teams | PagerDuty | Email | Webhook | Apprise, Field(discriminator="type")]


class Route(_Strict):
    """Who is told: what fits all of what is said here goes to `to`. What is left out fits anything."""

    to: Receivers
    products: Names = ()
    owners: Names = ()
    sources: Names = ()
    kinds: Annotated[tuple[Kind, ...], BeforeValidator(_listed)] = ()
    severity: Severitys = ()
    hours: Hours | None = None
    digest: bool = False


class Escalation(_Strict):
    """Who else is told of what nobody acknowledged for so long."""

    after_minutes: Minutes
    to: Receivers
    severity: Severitys = (Severity.critical,)


class OfProduct(_Strict):
    severity: Mapping[Kind, Severity] = Field(default_factory=dict)
    margin_minutes: Annotated[int, Field(ge=0)] | None = None


class Ready(_Strict):
    """Who is told that a partition is published: with other content than before, once."""

    to: Receivers
    products: Names = ()
    # Of older partitions, as a backfill or a restatement publishes them, none where this is false.
    restatements: bool = True


class Heartbeat(_Strict):
    """Where it is reported that daemon, sensors and alerting work; silence there is the alarm."""

    url_variable: Variable
    every_minutes: Minutes = 5


class Alerting(_Strict):
    """All of the file."""

    # By which receivers tell this platform from another.
    name: OneLine = "tidegate"
    # Where docs/on-call.md can be read, for links.
    guide: Plain = "docs/on-call.md"
    # Where the folder `reports` of the outputs can be read, for links to a day's page.
    reports: Plain = ""
    channels: Mapping[str, Channel] = Field(default_factory=dict)
    routes: tuple[Route, ...] = (
        Route(to=(OWN,), severity=(Severity.high, Severity.critical)),
        Route(to=(OWN,), severity=(Severity.low, Severity.medium), digest=True),
    )
    severity: Mapping[Kind, Severity] = Field(default_factory=dict)
    products: Mapping[str, OfProduct] = Field(default_factory=dict)
    margin_minutes: int = Field(int(MARGIN.total_seconds() // 60), ge=0)
    critical_at: int = Field(CRITICAL_AT, ge=2)
    # Told again while nobody has acknowledged it.
    repeat_minutes: Mapping[Severity, Minutes] = Field(
        default_factory=lambda: {Severity.critical: 60, Severity.high: 240}
    )
    escalate: tuple[Escalation, ...] = ()
    # What is neither HIGH nor CRITICAL waits until they are over.
    quiet_hours: Hours | None = None
    digest_at: TimeOfDay = dt.time(9)
    ready: tuple[Ready, ...] = ()
    heartbeat: Heartbeat | None = None

    @model_validator(mode="after")
    def _names_known_channels(self) -> Alerting:
        if OWN in self.channels:
            raise ValueError(f"channels has one that is named {OWN}, which stands for those that products name")
        known = {OWN, *self.channels}
        for where, names in self._named():
            for name in names:
                if name not in known:
                    listed = ", ".join(sorted(known))
                    raise ValueError(f"{where} names the channel {name!r}, which is not among channels: {listed}")
        return self

    def _named(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        yield from ((f"routes[{place}]", route.to) for place, route in enumerate(self.routes))
        yield from ((f"escalate[{place}]", each.to) for place, each in enumerate(self.escalate))
        yield from ((f"ready[{place}]", each.to) for place, each in enumerate(self.ready))

    @property
    def severities(self) -> Severities:
        margins = {name: each.margin_minutes for name, each in self.products.items()}
        return Severities(
            by_kind=self.severity,
            by_product={name: each.severity for name, each in self.products.items()},
            margin=dt.timedelta(minutes=self.margin_minutes),
            margins={name: dt.timedelta(minutes=each) for name, each in margins.items() if each is not None},
            critical_at=self.critical_at,
        )

    @property
    def variables(self) -> list[str]:
        """The environment variables that the file names."""
        parts: list[Any] = [*self.channels.values(), *([self.heartbeat] if self.heartbeat else [])]
        named = {value for part in parts for name, value in part if name.endswith("_variable") and value}
        return sorted(named)


class _EachKeyOnce(yaml.SafeLoader):
    """Refuses a key that is written twice: YAML keeps the last one, and says nothing of the channels before it."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: list[object] = []
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
            seen.append(key.value)
        return dict(super().construct_mapping(node, deep))


def load_alerting(path: Path) -> Alerting:
    """The file, checked; without one, nobody is told of anything. Raises TidegateError for one that cannot work."""
    if not path.exists():
        return Alerting()
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _EachKeyOnce)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise _refusal(path, [f"it is not YAML: {_where_and_what(error)}"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal(path, [f"it is not a file of text in UTF-8 that can be read ({type(error).__name__})"]) from None
    if not isinstance(document, dict | None):
        raise _refusal(path, ["it holds no keys, such as channels"])
    try:
        return Alerting.model_validate(document or {})
    except ValidationError as error:
        raise _refusal(path, [_complaint(each) for each in error.errors()]) from None


def _where_and_what(error: yaml.YAMLError) -> str:
    """Without the lines themselves, which may hold a secret."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return type(error).__name__
    return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}"


def _complaint(error: Any) -> str:
    """Where something is wrong, and what; what stands there may be a secret and is not repeated."""
    where = ".".join(str(part) for part in error["loc"])
    said = error["msg"].removeprefix("Value error, ")
    return f"{where}: {said}" if where else said


def _refusal(path: Path, complaints: list[str]) -> TidegateError:
    listed = "\n".join(f"- {complaint}" for complaint in complaints)
    return TidegateError(
        f"{shown_path(path)} does not work, so nobody is told of anything:\n{listed}\n"
        "Nothing was changed. Correct it and try it: tidegate alerts check"
    )
