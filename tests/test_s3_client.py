"""The client for S3 gives up on a server that does not answer, and is told the rest as any AWS tool is."""

from __future__ import annotations

import pytest

from tidegate.errors import TidegateError
from tidegate.orchestration.ticks import LOOK_SECONDS
from tidegate.s3_client import CONNECT_SECONDS, READ_SECONDS, new_s3_client


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


def test_it_gives_up_after_a_while_and_tries_again() -> None:
    config = new_s3_client().meta.config

    assert (config.connect_timeout, config.read_timeout) == (CONNECT_SECONDS, READ_SECONDS)
    assert config.retries["mode"] == "standard"
    # Three attempts, the default, so that a tick can tell that the server is not reached.
    assert 3 * CONNECT_SECONDS < LOOK_SECONDS


def test_the_environment_says_how_often_it_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")

    assert new_s3_client().meta.config.retries == {"mode": "adaptive", "total_max_attempts": 7}


def test_the_environment_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    meta = new_s3_client().meta

    assert (meta.endpoint_url, meta.region_name) == ("http://127.0.0.1:9", "eu-west-1")


@pytest.mark.parametrize(("name", "value"), [("AWS_PROFILE", "nobody"), ("AWS_ENDPOINT_URL", "nowhere")])
def test_what_cannot_be_is_told(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(TidegateError, match="S3 cannot be spoken to"):
        new_s3_client()
