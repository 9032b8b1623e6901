"""No secret of an address is shown, printed, logged or kept, wherever it stands and whoever repeats it."""

import base64
import dataclasses
from pathlib import Path
from urllib.parse import quote, quote_plus

import dagster as dg
import pytest
from pydantic import ValidationError
from tests.support.lake.shop import config_in

from tidegate.addresses import hiding, without_secrets
from tidegate.errors import SourceDownError, TidegateError
from tidegate.orchestration.failures import as_dagster_failure
from tidegate.settings import load_settings
from tidegate.sources.postgres.trouble import what_it_says
from tidegate.storage.s3_client import new_s3_client

CANARY = "c4n4ry"

WITH_SECRETS = [
    "https://user:c4n4ry@crm.example/api",
    "https://c4n4ry@crm.example/api",
    "https://crm.example/api?token=c4n4ry",
    "https://crm.example/api?c4n4ry",
    "https://crm.example/api?page=1&X-Amz-Signature=c4n4ry&X-Amz-Credential=c4n4ry%2Fus-east-1",
    "https://crm.example/api?as_of=2024-01-05&sig%6Eature=c4n4ry#access_token=c4n4ry",
    "https://crm.example/api#c4n4ry",
    "see (https://user:c4n4ry@crm.example/api?x=1&code=c4n4ry), or 's3://key:c4n4ry@bucket/x'.",
    "postgresql://tidegate:c4n4ry@db:5432/lake?sslmode=require",
    "postgresql://db/lake?password=c4n4ry&sslpassword=c4n4ry",
    "http://[c4n4ry",
    "https://user:p@ss:c4n4ry@crm.example\\@x",
    "could not connect with host=db user=x password=c4n4ry",
    "host=db PASSWORD = 'a\\'c4n4ry b' dbname=lake",
    "sslpassword='c4n4ry' oauth_client_secret=c4n4ry",
    'Unable to connect at "postgres:password=c4n4ry": no',
    "PGPASSWORD=c4n4ry AWS_SECRET_ACCESS_KEY=c4n4ry aws_session_token = c4n4ry",
]


@pytest.mark.parametrize("text", WITH_SECRETS)
def test_a_secret_in_an_address_is_hidden(text: str) -> None:
    assert CANARY not in without_secrets(text)
    assert CANARY not in str(TidegateError(f"It failed: {text}. Nothing was changed."))


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000/customers?as_of=2024-01-05&page=1 was asked for 6 times.",
        "s3://shop/landing/orders/eu-west/2024-01-05/ has no _SUCCESS file yet.",
        "host=/run/pg port=5432 dbname=lake user=tidegate passfile=/etc/pgpass",
        "Read https://crm.example/docs, and set PGPASSWORD instead.",
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    "catalog",
    [
        "postgresql://tidegate:c4n4ry@db/lake",
        "postgres://:c4n4ry@db/lake",
        "postgresql://tidegate:c4/n4ry@db/lake",
        "postgresql://tidegate:c4#n4ry@db/lake",
        "postgresql://tidegate:c4?n4ry@db/lake",
        "postgresql://db/lake?user=x&password=c4n4ry",
        "postgresql://db/lake?p%61ssword=c4n4ry",
        "postgresql://db/lake?sslpassword=c4n4ry",
        "//tidegate:c4n4ry@db/lake",
        "tidegate:c4n4ry@db/lake",
        "host=db password=c4n4ry",
        "host=db password = 'it\\'s c4n4ry'",
        "host=db PASSWORD=c4n4ry",
        "host=db sslpassword=c4n4ry",
        "host=db oauth_client_secret=c4n4ry",
        "host=db dbname=postgresql://u:c4n4ry@db/lake",
        "host=db c4n4ry",
        "host='db password=c4n4ry",
    ],
)
def test_a_password_in_the_catalog_is_refused_unseen(tmp_path: Path, catalog: str) -> None:
    with pytest.raises(TidegateError, match=r"PGPASSWORD|neither") as refused:
        dataclasses.replace(config_in(tmp_path), catalog=f"postgres:{catalog}")
    assert CANARY not in str(refused.value)
    assert "n4ry" not in str(refused.value)


@pytest.mark.parametrize(
    "catalog",
    [
        "host=/tmp/pg-x port=5432 user=postgres dbname=lake",
        "host = 'db' dbname='my lake' passfile=/etc/pgpass options='-c search_path=x'",
        "service=lake",
        "",
        "postgresql:///lake?host=/tmp/pg&passfile=/etc/pgpass",
        "postgresql://tidegate@db1:5432,[::1]:5433/lake?target_session_attrs=read-write",
    ],
)
def test_a_catalog_without_a_password_is_taken(tmp_path: Path, catalog: str) -> None:
    assert dataclasses.replace(config_in(tmp_path), catalog=f"postgres:{catalog}").catalog == f"postgres:{catalog}"


def test_no_setting_holds_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("landing", "archive", "outputs", "lake_data"):
        with pytest.raises(ValidationError) as wrong:
            load_settings(home=tmp_path, **{name: "s3://key:c4n4ry@bucket/x"})
        assert CANARY not in wrong.value.errors()[0]["msg"]
    endpoint = "http://key:c4n4ry@127.0.0.1:9"
    with pytest.raises(TidegateError, match="AWS_ENDPOINT_URL holds") as refused:
        dataclasses.replace(config_in(tmp_path), data="s3://x/y", s3_endpoint=endpoint)
    assert CANARY not in str(refused.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with pytest.raises(TidegateError) as refused:
        new_s3_client()
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    "connection",
    ["postgresql://x:c4n4ry%21@db/lake", "host=db password='c4n4ry!'", "host=db password = c4n4ry!"],
)
def test_what_a_database_repeats_of_its_password_is_hidden(connection: str) -> None:
    assert CANARY not in what_it_says("ERROR:  do not say c4n4ry! or c4n4ry%21", connection)


def test_no_secret_reaches_dagsters_databases(tmp_path: Path) -> None:
    """Of a step that fails in a sentence, of one that fails by a bug, and of what they were raised from."""
    address = "https://user:c4n4ry@crm.example/customers?token=c4n4ry"

    @dg.asset
    def in_a_sentence(context: dg.AssetExecutionContext) -> None:
        with as_dagster_failure(context):
            try:
                raise OSError(f"{address} is down")
            except OSError as error:
                raise SourceDownError(f"The last time {error}.") from error

    @dg.asset
    def by_a_bug(context: dg.AssetExecutionContext) -> None:
        with as_dagster_failure(context):
            try:
                raise OSError("host=db password=c4n4ry")
            except OSError as error:
                raise KeyError("nothing to hide") from error

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        ended = dg.materialize([in_a_sentence, by_a_bug], instance=instance, raise_on_error=False)
        assert not ended.success
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"crm.example" in kept
    assert b"KeyError" in kept
    assert CANARY.encode() not in kept


@pytest.mark.parametrize(
    "text",
    [
        "with {secret} in it",
        "https://feed.example/{escaped}?t={plus}",
        "Authorization: Basic {basic}",
        "{b64}, and urlsafe {urlsafe}.",
    ],
)
def test_a_secret_that_is_known_is_hidden_however_it_is_written(text: str) -> None:
    secret = "c4n4ry+/ z=?~ü"
    forms = {
        "secret": secret,
        "escaped": quote(secret, safe=""),
        "plus": quote_plus(secret),
        "basic": base64.b64encode(f"user:{secret}".encode()).decode(),
        "b64": base64.b64encode(secret.encode()).decode(),
        "urlsafe": base64.urlsafe_b64encode(f"a{secret}b".encode()).decode(),
    }
    written = text.format(**forms)
    shown = hiding(written, ["", "x=1", secret])
    assert [form for form in forms.values() if form in shown] == []
    assert shown == text.format(**dict.fromkeys(forms, "***"))


def test_what_is_no_secret_of_ours_is_not_hidden() -> None:
    assert hiding("the abc of eW91IGtub3c=", ["abc", "another-secret"]) == "the abc of eW91IGtub3c="
