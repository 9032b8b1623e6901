"""Landing and archive in Azure, as in S3; and what says of Google's and Azure's addresses that they cannot be."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.azure_server import AzureServer, azure_server, needs_azurite

from tidegate.archive.archive import Archive
from tidegate.contract.day_path import DayPath
from tidegate.contract.model import Readiness
from tidegate.errors import IncompleteError, SourceDownError, TidegateError
from tidegate.sources.dropped import DroppedOrigin
from tidegate.storage.files import Storage
from tidegate.storage.places import storage_at

DAY = dt.date(2024, 1, 2)
FILES = {"a b+ü.csv": b"id\n1\n", "100%25.csv": b"id\n2\n", ".hidden": b"x", "_SUCCESS": b""}


def no_s3() -> None:
    pytest.fail("S3 is not asked")


def storage_in(container: str, below: str) -> Storage:
    return storage_at(f"az://{container}/{below}", "TIDEGATE_LANDING", no_s3, SourceDownError)


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    with azure_server(tmp_path_factory.mktemp("azure")) as server:
        yield server


@pytest.fixture
def container(azure: AzureServer, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)
    return azure.new_container()


@pytest.fixture
def landing(container: str, tmp_path: Path) -> Storage:
    storage = storage_in(container, "landing")
    for name, content in FILES.items():
        put(storage, tmp_path, f"sales/north/{DAY}/{name}", content)
    return storage


def put(storage: Storage, folder: Path, name: str, content: bytes) -> None:
    (folder / "draft").write_bytes(content)
    storage.put({name: folder / "draft"})


@needs_azurite
def test_a_delivery_in_azure_is_captured_and_recalled(landing: Storage, container: str, tmp_path: Path) -> None:
    put(landing, tmp_path, f"sales/northern/{DAY}/other.csv", b"x")
    origin = DroppedOrigin(landing, "north", [DayPath.of("sales/north/{day}")], Readiness())
    archive = Archive(storage_in(container, "archive"), tmp_path / "here")
    assert list(origin.arrivals()) == [origin.arrival(DAY)]
    captured = origin.capture(archive, "sales", DAY)
    assert captured is not None
    archive.note("accepted", captured)

    elsewhere = Archive(storage_in(container, "archive"), tmp_path / "elsewhere")
    assert elsewhere.recall(captured.manifest) == captured
    kept = {file.name: elsewhere.local(file).read_bytes() for file in captured.files}
    assert kept == {name: content for name, content in FILES.items() if name.endswith(".csv")}
    assert elsewhere.history("sales", "north", DAY).fate(captured.fingerprint) == "accepted"
    assert origin.capture(elsewhere, "sales", DAY) == captured


@needs_azurite
def test_a_file_that_is_written_again_is_not_the_one_that_was_listed(landing: Storage, tmp_path: Path) -> None:
    name = f"sales/north/{DAY}/100%25.csv"
    listed = landing.find(name)
    assert listed is not None
    put(landing, tmp_path, name, b"id\n3\n")

    with pytest.raises(IncompleteError, match="changed or went away"):
        list(landing.chunks(listed))
    landing.delete([name, name])
    assert (landing.find(name), landing.read(name)) == (None, None)


@needs_azurite
def test_what_azure_refuses_is_a_sentence(container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TidegateError, match=r"there is no such bucket\. .* TIDEGATE_LANDING"):
        put(storage_in("no-such-box", "x"), tmp_path, "a", b"")
    endpoint = os.environ["AZURITE_BLOB_STORAGE_URL"]
    monkeypatch.setenv("AZURITE_BLOB_STORAGE_URL", "http://127.0.0.1:9")
    with pytest.raises(SourceDownError, match="This may be temporary"):
        list(storage_in(container, "x").files(""))

    monkeypatch.delenv("AZURE_STORAGE_USE_EMULATOR")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "devstoreaccount1")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "YS1zZWNyZXQ=")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"{endpoint}/devstoreaccount1")
    monkeypatch.setenv("AZURE_ALLOW_HTTP", "true")
    with pytest.raises(TidegateError, match="these credentials may not") as refused:
        list(storage_in(container, "x").files(""))
    assert "YS1zZWNyZXQ" not in str(refused.value)


@pytest.mark.parametrize("place", ["gs://", "gs://x", "az://UPPER/a", "az:///a", "gs://bucket?x"])
def test_an_address_that_cannot_be_is_refused(place: str) -> None:
    with pytest.raises(TidegateError, match="TIDEGATE_LANDING is "):
        storage_at(place, "TIDEGATE_LANDING", no_s3)


def test_an_address_without_its_account_is_refused() -> None:
    with pytest.raises(TidegateError, match="Check the account"):
        storage_at("az://container/landing", "TIDEGATE_LANDING", no_s3)


def test_a_key_file_of_google_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    with pytest.raises(TidegateError, match=r"gs://bucket/landing cannot be reached: .*/nowhere/key\.json"):
        storage_at("gs://bucket/landing", "TIDEGATE_LANDING", no_s3)


def test_without_a_client_the_extra_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tidegate.storage.clouds", raising=False)
    monkeypatch.setitem(sys.modules, "obstore.exceptions", None)
    with pytest.raises(
        TidegateError, match=r"TIDEGATE_LANDING, gs://shop/landing, needs obstore.*'tidegate\[clouds\]'"
    ):
        storage_at("gs://shop/landing", "TIDEGATE_LANDING", no_s3)
