"""docs/serving.md on real servers: a role and a key that can only read are enough, and give no more than it says."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.docs.docs_pages import Page
from tests.docs.docs_shell import Shell, terminal
from tests.support.s3_server import Bucket, s3_server
from tests.support.servers import PostgresAddress, postgres_programs

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.extensions import load_extensions
from tidegate.ledger.upkeep.opening import make_lake
from tidegate.settings import CHECKOUT, load_settings

PAGE = Page(CHECKOUT / "docs" / "serving.md")
SECTION = "Postgres and S3"

# More rows than stand in the catalog, so that they are read from the bucket.
ROWS = 1000


@dataclass
class Cluster:
    """A lake in Postgres and S3, and the terminal of somebody who may only read it."""

    lake: Lake
    owner: Shell
    reader: Shell
    place: Path
    as_here: Callable[[str], str]

    def write_files(self) -> None:
        for block in PAGE.blocks:
            if block.section == SECTION and block.file:
                (self.place / block.file).write_text(self.as_here(block.text), encoding="utf-8")


@pytest.fixture
def cluster(
    database: str, postgres_address: PostgresAddress, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cluster]:
    settings = load_settings(
        home=tmp_path / "home",
        lake_catalog=f"postgres:{database}",
        lake_data=f"{bucket.url}/lake",
        memory_limit="500MB",
    )
    name = database.rpartition("dbname=")[2]
    allowed = [f"--include=/{bucket.name}/lake/{schema}/**" for schema in allowed_schemas()]
    path = os.pathsep.join([str(Path(sys.executable).parent), str(postgres_programs()), os.environ["PATH"]])
    folder, port = str(postgres_address.socket_folder), str(postgres_address.port)
    owner = {"PATH": path, "PGHOST": folder, "PGPORT": port, "PGUSER": "postgres", "PGDATABASE": name}
    with make_lake(LakeConfig.of(settings)) as lake, s3_server(bucket.server.root, "--read-only", *allowed) as store:
        # What the page has a reader install is there already: these tests reach no network.
        load_extensions(lake.con, ["aws"])
        reader = {
            **store.environment,
            "PATH": path,
            "HOME": os.environ["HOME"],
            "PGPORT": port,
            "PGPASSWORD": "choose-one",
        }
        endpoint = store.endpoint.removeprefix("http://")

        def as_here(text: str) -> str:
            text = text.replace("host=db.example dbname=lake", f"host=127.0.0.1 dbname={name}")
            text = text.replace("s3://tidegate/", f"{bucket.url}/")
            elsewhere = f"credential_chain, endpoint '{endpoint}', url_style 'path', use_ssl false)"
            return text.replace("credential_chain)", elsewhere)

        with terminal(tmp_path, owner) as owners, terminal(tmp_path, reader) as readers:
            yield Cluster(lake, owners, readers, tmp_path, as_here)


def allowed_schemas() -> list[str]:
    """What the page's policy allows of the lake, besides nothing."""
    (policy,) = [block.text for block in PAGE.blocks if block.file == "reader.json"]
    return re.findall(r"arn:aws:s3:::tidegate/lake/(\w+)/\*", policy)


@pytest.mark.slow
def test_a_role_and_a_key_that_can_only_read_are_enough(cluster: Cluster) -> None:
    sales = f"select date '2024-01-01' + range::integer as order_date, 1 as net_revenue from range({ROWS})"
    cluster.lake.con.execute(f"create table serving.daily_sales as {sales}")
    cluster.lake.con.execute(f"create table marts.daily_sales as {sales}")
    cluster.write_files()
    blocks = [block for block in PAGE.blocks if block.section == SECTION and block.language == "sh"]
    grants, *reads = blocks
    assert grants.text == "psql --file reader.sql\n"
    cluster.owner.run(grants.text)
    for block in reads:
        assert "2024-01-01" in cluster.reader.run(cluster.as_here(block.text))

    # Tables that come later, of which some rows stand in the catalog.
    cluster.lake.con.execute("create table serving.daily_marketing as select 7 as spend")
    cluster.lake.con.execute("insert into ops.publications (publication_id) values ('20240101-a')")
    asked = "select (from serving.daily_marketing), count(*) from ops.publications"
    assert "7,1" in cluster.reader.run(f'tidegate query "{asked}" --format csv')

    # And no more than the page says.
    cluster.reader.run('tidegate query "from marts.daily_sales"', fails=True)
    cluster.reader.run("sed 's/(read_only)//' cluster.sql > writing.sql")
    for change in ("delete from ops.publications", "insert into serving.daily_marketing values (1)"):
        assert "read-only" in cluster.reader.run(f'duckdb -init cluster.sql -c "{change}"', fails=True)
        assert "permission denied" in cluster.reader.run(f'duckdb -init writing.sql -c "{change}"', fails=True)
    assert cluster.lake.con.execute("from serving.daily_marketing").fetchall() == [(7,)]
