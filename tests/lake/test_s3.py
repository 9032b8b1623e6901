"""The lake's data in S3, with credentials wherever any AWS tool finds them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tests.support.lake.shop import config_in
from tests.support.s3_server import ACCESS_KEY, REGION, SECRET_KEY, Bucket

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.reading.query import confine, run_query
from tidegate.lake.upkeep.lost import lost_files
from tidegate.ledger.upkeep.maintenance import maintain
from tidegate.ledger.upkeep.opening import make_lake, open_lake
from tidegate.settings import load_settings


def config_of(folder: Path, bucket: Bucket) -> LakeConfig:
    """As the platform makes it of its settings and this process's environment."""
    of_settings = LakeConfig.of(load_settings(home=folder / "home", lake_data=f"{bucket.url}/lake"))
    found = {
        name: getattr(of_settings, name) for name in ("data", "s3_endpoint", "s3_looks_for_credentials", "s3_region")
    }
    return dataclasses.replace(config_in(folder), **found)


def use_profile(folder: Path, monkeypatch: pytest.MonkeyPatch, secret: str = SECRET_KEY) -> None:
    """Credentials in a file, as `aws configure` writes it, and none in the environment."""
    credentials = folder / "credentials"
    credentials.write_text(f"[shop]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {secret}\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_PROFILE", "shop")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.slow
@pytest.mark.parametrize("credentials", ["environment", "profile"])
def test_what_is_written_is_read_again(
    tmp_path: Path, bucket: Bucket, credentials: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if credentials == "profile":
        use_profile(tmp_path, monkeypatch)
    config = config_of(tmp_path, bucket)
    with make_lake(config) as lake:
        lake.con.execute("create table raw.numbers as select range as n from range(100000)")
    with open_lake(config, read_only=True) as lake:
        assert lake.con.execute("select sum(n) from raw.numbers").fetchone() == (4999950000,)
    assert run_query(config, "select sum(n) from raw.numbers").rows == [(4999950000,)]
    assert bucket.keys("lake/raw/numbers/")


def test_maintenance_deletes_what_killed_writers_left_and_nothing_of_others(tmp_path: Path, bucket: Bucket) -> None:
    left = "raw/numbers/ducklake-01900000-0000-7000-8000-000000000000.parquet"
    others = ["raw/numbers/mine.parquet", "elsewhere/ducklake-01900000-0000-7000-8000-000000000000.parquet"]
    with make_lake(config_of(tmp_path, bucket)) as lake:
        lake.con.execute("create table raw.numbers as select range as n from range(1000)")
        for name in (left, *others):
            bucket.client.put_object(Bucket=bucket.name, Key=f"lake/{name}", Body=b"rows")
        before = set(bucket.keys("lake/"))
        assert maintain(lake, 0).files_deleted == 1
        assert before - set(bucket.keys("lake/")) == {f"lake/{left}"}
        assert lake.con.execute("select count(*) from raw.numbers").fetchone() == (1000,)


def test_no_secret_is_shown(tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    use_profile(tmp_path, monkeypatch)
    with make_lake(config_of(tmp_path, bucket)) as lake:
        assert SECRET_KEY not in str(lake.con.execute("from duckdb_secrets()").fetchall())
        assert SECRET_KEY not in str(lake.con.execute("from duckdb_settings()").fetchall())


def test_a_query_finds_no_key_among_the_settings(tmp_path: Path, bucket: Bucket) -> None:
    with make_lake(config_of(tmp_path, bucket)) as lake:
        assert SECRET_KEY in str(lake.con.execute("from duckdb_settings()").fetchall())
        confine(lake)
        shown = str(
            lake.con.execute("from duckdb_settings()").fetchall() + lake.con.execute("from duckdb_secrets()").fetchall()
        )
        assert SECRET_KEY not in shown
        assert ACCESS_KEY not in str(lake.con.execute("from duckdb_settings()").fetchall())


def test_no_credentials_anywhere_are_told(tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    use_profile(tmp_path, monkeypatch)
    (tmp_path / "credentials").write_text("")

    with pytest.raises(TidegateError, match="cannot be opened"):
        make_lake(config_of(tmp_path, bucket))


def test_an_object_that_is_gone_is_lost(tmp_path: Path, bucket: Bucket) -> None:
    with make_lake(config_of(tmp_path, bucket)) as lake:
        lake.con.execute("create table raw.numbers as select range as n from range(1000)")
        assert lost_files(lake) == []
        (key,) = bucket.keys("lake/raw/numbers/")
        bucket.delete(key)
        assert [file.path for file in lost_files(lake)] == [key.removeprefix("lake/")]


def test_data_that_s3_refuses_or_that_cannot_be_reached_are_not_said_to_be_of_another_lake(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: with wrong keys, or a clock that was an hour wrong, the folder was said to be another lake's."""
    with make_lake(config_of(tmp_path, bucket)) as lake:
        lake.con.execute("create table raw.numbers as select range as n from range(1000)")
    with monkeypatch.context() as patch, pytest.raises(TidegateError, match=r"cannot be read: .*HTTP 403.*clock"):
        patch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        open_lake(config_of(tmp_path, bucket))
    with monkeypatch.context() as patch, pytest.raises(TidegateError, match=r"cannot be read: .*connect.*Nothing was"):
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        open_lake(config_of(tmp_path, bucket))
    open_lake(config_of(tmp_path, bucket)).close()
