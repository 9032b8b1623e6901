"""The client for S3 is told where to ask, and how often, as any AWS tool is."""

from __future__ import annotations

import pytest

from tidegate.errors import TidegateError
from tidegate.storage.s3_client import new_s3_client


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


def test_it_asks_three_times() -> None:
    assert new_s3_client().meta.config.retries["total_max_attempts"] == 3


def test_the_environment_says_how_often_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")

    assert new_s3_client().meta.config.retries["total_max_attempts"] == 7


def test_the_environment_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    meta = new_s3_client().meta

    assert (meta.endpoint_url, meta.region_name) == ("http://127.0.0.1:9", "eu-west-1")


@pytest.mark.parametrize(
    ("name", "value"), [("AWS_PROFILE", "nobody"), ("AWS_ENDPOINT_URL", "nowhere"), ("AWS_MAX_ATTEMPTS", "many")]
)
def test_what_cannot_be_is_told(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(TidegateError, match="S3 cannot be spoken to"):
        new_s3_client()
