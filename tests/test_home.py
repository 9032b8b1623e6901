"""The connection of a home to its lake: kept while it works, given up once the engine failed."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from tests.support.lake.copied import put_lake

from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.lake.config import LakeConfig
from tidegate.settings import load_settings


@pytest.fixture
def home(tmp_path: Path) -> Home:
    settings = load_settings(home=tmp_path)
    settings.scratch.mkdir(parents=True)
    put_lake(LakeConfig.of(settings))
    return Home(settings)


def test_the_connection_is_kept(home: Home) -> None:
    with home.lake() as first:
        pass
    with pytest.raises(TidegateError), home.lake():
        raise TidegateError("A day is held.")

    with home.lake() as second:
        assert second is first


def test_after_an_error_of_the_engine_there_is_another(home: Home) -> None:
    with pytest.raises(TidegateError), home.lake() as first:
        try:
            first.con.execute("select nothing")
        except duckdb.Error as error:
            raise TidegateError("The lake cannot be read.") from error

    with home.lake() as second:
        assert second is not first
        assert second.con.execute("select 1").fetchall() == [(1,)]


def test_whoever_uses_it_around_a_failure_goes_on(home: Home) -> None:
    with home.lake() as lake:
        with pytest.raises(duckdb.Error), home.lake() as inner:
            inner.con.execute("select nothing")

        assert lake.con.execute("select 1").fetchall() == [(1,)]
