"""A run of everything with a secret in every variable that may hold one; then all that it left is searched for them."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from tests.support.kafka import Cluster, cluster
from tests.support.parsed import EVERY_CADENCE
from tests.support.runs.home import CONTRACTS, FIRST_DAY, NewHome, TemporaryHome
from tests.support.runs.landing import Line
from tests.support.s3_server import SECRET_KEY, Bucket
from tests.support.searching import files_in, places_with
from tests.support.servers import PostgresAddress, address_of, free_port, http_server, postgres_programs
from tests.support.sftp_server import SftpServer, sftp_server
from typer.testing import CliRunner

from tidegate.cli import app
from tidegate.demo.crm import Crm, Snapshots
from tidegate.demo.trade import Shop
from tidegate.settings import CHECKOUT
from tidegate.window import ONE_DAY

pytestmark = pytest.mark.slow

# In every secret of this test, so that half of one is found, too. With what must be escaped in URLs and in settings.
CORE = "c4n4ryOfTidegate"
HELD_DAY = FIRST_DAY + ONE_DAY

# Not a secret: the search has to find it wherever an error of a source may stand.
SHOWN = "partner-cannot-answer"

LOCAL_SERVER = 'servers:\n  - {server: crm, type: local, path: "customers/{day}", format: auto}\n'


def secret(name: str) -> str:
    return f"{CORE}+{name}/z="


def api(path: str, base: str, *custom: str) -> str:
    properties = (f"baseUrlVariable, value: {base}", *custom, "timeLimitSeconds, value: 2")
    listed = "".join(f"      - {{property: {each}}}\n" for each in properties)
    location = f'    location: "{{base}}/{path}?as_of={{day}}"\n'
    return f"  - server: it\n    type: api\n{location}    customProperties:\n{listed}"


ROWS = "records, value: rows"

# Sources beside those of the shop, each of which fails with all its secrets in what it says.
FAILING = {
    "partner": api("partner", "PARTNER_URL", "tokenVariable, value: PARTNER_TOKEN", ROWS),
    "basic": api(
        "basic", "PARTNER_URL", "userVariable, value: BASIC_USER", "passwordVariable, value: BASIC_PASSWORD", ROWS
    ),
    "keyed": api("keyed", "PARTNER_URL", "keyVariable, value: API_KEY", "keyParameter, value: key", ROWS),
    "bank": (
        "  - server: it\n    type: postgres\n    host: bank.example\n    database: bank\n    customProperties:\n"
        "      - {property: connectionVariable, value: BANK_DATABASE}\n"
        '      - {property: query, value: "select n from rows where day >= {start} and day < {end}"}\n'
        '      - {property: readyQuery, value: "select done, version from runs where day = {day}"}\n'
        "      - {property: timeLimitSeconds, value: 5}\n"
    ),
    "till": (
        "  - server: it\n    type: mysql\n    host: till.example\n    database: till\n    customProperties:\n"
        "      - {property: connectionVariable, value: TILL_DATABASE}\n"
        '      - {property: query, value: "select n from rows where day >= {start} and day < {end}"}\n'
        '      - {property: readyQuery, value: "select done, version from runs where day = {day}"}\n'
        "      - {property: timeLimitSeconds, value: 5}\n"
    ),
    "topic": (
        "  - server: it\n    type: kafka\n    customProperties:\n"
        "      - {property: topic, value: shop}\n"
        "      - {property: connectionVariable, value: BROKERS}\n"
        "      - {property: valueFormat, value: avro}\n"
        "      - {property: registryVariable, value: REGISTRY_URL}\n"
    ),
    "feed": (
        "  - server: it\n    type: python\n    customProperties:\n"
        '      - {property: callable, value: "feeds:rows"}\n'
        "      - {property: environment, value: [FEED_TOKEN]}\n"
    ),
}

# What an author's own function does wrong: prints its token, and fails with it in a URL and in a header.
FEED = """
import base64, os, sys
from urllib.parse import quote

def rows(day):
    token = os.environ["FEED_TOKEN"]
    print("asks with", token)
    print("asks with", token, file=sys.stderr)
    basic = base64.b64encode(f"user:{token}".encode()).decode()
    raise RuntimeError(f"SHOWN: https://feed.example/{quote(token, safe='')}?t={token} with Basic {basic}")
"""


def contract(source: str, server: str) -> str:
    return (
        "apiVersion: v3.1.0\nkind: DataContract\n"
        f"id: no-secret-{source}\nname: {source}\nversion: 1.0.0\nstatus: active\n"
        f"servers:\n{server}schema:\n  - name: {source}\n    properties:\n"
        "      - {name: n, logicalType: integer, primaryKey: true}\nteam:\n  name: e2e\n"
    )


def project_in(folder: Path) -> Path:
    """The folder of contracts: the shop's, with customers from a CRM, and those of the sources that fail."""
    contracts = shutil.copytree(CONTRACTS, folder / "contracts")
    customers = contracts / "customers.odcs.yaml"
    text = customers.read_text()
    assert LOCAL_SERVER in text
    of_crm = api("customers", "CRM_URL", "tokenVariable, value: CRM_TOKEN", "records, value: customers")
    customers.write_text(text.replace(LOCAL_SERVER, f"servers:\n{of_crm}"))
    for source, server in FAILING.items():
        (contracts / f"{source}.odcs.yaml").write_text(contract(source, server))
    (folder / "feeds.py").write_text(FEED.replace("SHOWN", SHOWN))
    return contracts


def messages_of_a_schema(broker: Cluster) -> None:
    """In a topic: as producers with a registry write them, so that the registry is asked for schema 7."""
    at = int(dt.datetime.combine(FIRST_DAY, dt.time(12), dt.UTC).timestamp() * 1000)
    broker.produce("shop", [[0, at, None, [base64.b64encode(b"\0\0\0\0\7" + b"\2").decode()]]])


def alerting_in(folder: Path, address: str) -> Path:
    channels = {
        "chat": {"type": "slack", "url_variable": "CHAT_URL"},
        "teams": {"type": "teams", "url_variable": "TEAMS_URL"},
        "pager": {"type": "pagerduty", "key_variable": "PAGER_KEY", "address": f"{address}/enqueue"},
        "mail": {"type": "email", "smtp_variable": "MAIL_URL", "sender": "a@example.com", "to": ["b@example.com"]},
        "hook": {"type": "webhook", "url_variable": "HOOK_URL", "token_variable": "HOOK_TOKEN"},
        "other": {"type": "apprise", "url_variable": "OTHER_URL"},
    }
    file = folder / "alerting.yml"
    routes = [{"to": list(channels)}]
    ready = [{"to": ["hook", "chat"]}]
    heartbeat = {"url_variable": "HEART_URL"}
    file.write_text(yaml.safe_dump({"channels": channels, "routes": routes, "ready": ready, "heartbeat": heartbeat}))
    return file


@contextmanager
def repeater() -> Iterator[str]:
    """A server that refuses everything, and repeats all that it was asked and with what, as badly made ones do."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = f"{SHOWN} {self.path} {dict(self.headers)}"
            self.send_response(403, said.replace("\n", " "))
            self.end_headers()
            self.wfile.write(said.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http_server(Handler) as server:
        yield address_of(server)


@dataclass
class Everything:
    """A home of which every variable that may hold a secret holds one."""

    home: TemporaryHome
    bucket: Bucket
    folder: Path
    database: str
    partner: SftpServer

    def send_to_partner(self) -> None:
        """Dagster's own command, with the example that sends a file by SFTP; who answers is not the partner."""
        self.partner.is_known_by(self.partner.keys / "other.pub")
        words = ("asset", "materialize", "-m", "tidegate.definitions", "--select", "partner_file")
        self.run(*words, "--partition", str(FIRST_DAY), program="dagster")

    def run(self, *words: str, program: str = "tidegate") -> None:
        """A command as a process of its own; what it prints is kept for the search."""
        found = str(Path(sys.executable).with_name(program))
        done = subprocess.run([found, *words], env=os.environ, capture_output=True, check=False, cwd=self.folder)
        self.keep("-".join(words[:2]), done.stdout + done.stderr)

    def ask(self, *words: str) -> None:
        result = CliRunner().invoke(app, words)
        assert not isinstance(result.exception, AssertionError | TypeError | KeyError), result.exception
        self.keep("-".join(words), result.output.encode() + repr(result.exception).encode())

    def keep(self, name: str, said: bytes) -> None:
        printed = self.folder / "printed"
        printed.mkdir(exist_ok=True)
        place = printed / f"{len(list(printed.iterdir())):02}-{name.replace('/', '_')[:60]}"
        place.write_bytes(said)

    def files(self) -> dict[str, bytes]:
        """All that there is: the home, what was printed, the objects in S3, and the catalog in Postgres."""
        dump = subprocess.run(
            [str(postgres_programs() / "pg_dump"), "--dbname", self.database], capture_output=True, check=True
        )
        return {
            **{f"home/{name}": content for name, content in files_in(self.home.settings.home).items()},
            **{f"printed/{name}": content for name, content in files_in(self.folder / "printed").items()},
            **{f"s3/{name}": content for name, content in files_in(self.bucket.folder).items()},
            "catalog.sql": dump.stdout,
        }


@pytest.fixture
def everything(
    new_home: NewHome,
    tmp_path: Path,
    bucket: Bucket,
    database: str,
    postgres_address: PostgresAddress,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Everything]:
    with ExitStack() as stack:
        address = stack.enter_context(repeater())
        crm = Crm(Snapshots(Shop(FIRST_DAY, orders_per_day=5, seed=7)), token=secret("crm"))
        stack.enter_context(crm)
        gone = free_port()
        name = database.rpartition("dbname=")[2]
        psql(database, f"create role {name} superuser login password '{secret('catalog')}'")
        of_bank = secret("bank")
        path = quote(secret("path"), safe="")
        broker, partner = stack.enter_context(cluster()), stack.enter_context(sftp_server(tmp_path / "partner"))
        messages_of_a_schema(broker)
        login = {"sasl.mechanism": "PLAIN", "sasl.username": "reader", "sasl.password": secret("topic")}
        for variable, value in {
            "CRM_URL": crm.url,
            "CRM_TOKEN": secret("crm"),
            "PARTNER_URL": address,
            "PARTNER_TOKEN": secret("partner"),
            "BASIC_USER": "reader",
            "BASIC_PASSWORD": secret("basic"),
            "API_KEY": secret("key"),
            "BANK_DATABASE": f"{postgres_address.over_tcp} user={name} dbname={name} password='{of_bank}'",
            "TILL_DATABASE": f"mysql+pymysql://till:{quote(secret('till'), safe='')}@127.0.0.1:{gone}/till",
            "FEED_TOKEN": secret("feed"),
            # Its brokers ask nobody who he is; the password is there all the same.
            "BROKERS": json.dumps({"bootstrap.servers": broker.address, "security.protocol": "plaintext", **login}),
            "REGISTRY_URL": f"http://reader:{path}@127.0.0.1:{address.rpartition(':')[2]}/registry",
            "TIDEGATE_DEFS": str(CHECKOUT / "examples" / "own_dagster" / "partner_file.py"),
            **partner.environment,
            "CHAT_URL": f"{address}/services/{path}",
            "TEAMS_URL": f"{address}/workflows?sig={path}",
            "PAGER_KEY": secret("pager"),
            "MAIL_URL": f"smtp://user:{path}@127.0.0.1:{gone}",
            "HOOK_URL": f"http://user:{path}@127.0.0.1:{address.rpartition(':')[2]}/hook",
            "HOOK_TOKEN": secret("hook"),
            "OTHER_URL": f"json://user:{path}@127.0.0.1:{address.rpartition(':')[2]}/other/{path}",
            "HEART_URL": f"{address}/ping/{path}",
            "PGPASSWORD": secret("catalog"),
            "OPENLINEAGE_API_KEY": secret("lineage"),
        }.items():
            monkeypatch.setenv(variable, value)
        # Of a day of two lines, only the mart of mornings is large enough for a file of its own.
        home = new_home(
            **EVERY_CADENCE,
            contracts=project_in(tmp_path),
            alerting=alerting_in(tmp_path, address),
            landing=str(tmp_path / "landing"),
            archive=f"{bucket.url}/archive",
            outputs=f"{bucket.url}/outputs",
            lake_data=f"{bucket.url}/lake",
            lake_catalog=f"postgres:{postgres_address.over_tcp} user={name} dbname={name}",
            openlineage=f"{address}/lineage",
        )
        for variable, value in home.environment.items():
            monkeypatch.setenv(variable, value)
        yield Everything(home, bucket, tmp_path, database, partner)


def psql(database: str, statement: str) -> None:
    command = [str(postgres_programs() / "psql"), "--quiet", "--dbname", database, "--command", statement]
    subprocess.run(command, check=True, capture_output=True)


def secret_part(key: Path) -> str:
    """A line of a private key that no public key has."""
    return key.read_text().splitlines()[-3]


@pytest.mark.timeout(600)
def test_no_secret_is_left_anywhere_by_a_run_of_everything(everything: Everything) -> None:
    landing = everything.home.landing
    for day in (FIRST_DAY, HELD_DAY):
        for region in ("north", "south"):
            quantity = 0 if day == HELD_DAY else 1
            landing.orders(day, region, [Line(f"{region}-{day}", day, quantity=quantity)])
    everything.run("backfill", "--from", str(FIRST_DAY), "--to", str(HELD_DAY))
    everything.send_to_partner()
    for _ in range(2):
        everything.ask("alerts", "send")
        # Let the pauses of failed attempts pass, with so many behind it that it is an incident.
        everything.home.query("update ops.alerts set not_before = timestamp '2020-01-01', attempts = 3")
    on_day = ("--partition", str(FIRST_DAY))
    for words in (
        ("alerts", "test"), ("alerts", "check"), ("incidents", "list"), ("status", "--verbose"), ("metrics", "--once"),
        ("doctor",), ("quality",), ("why", "daily_sales", *on_day), ("history", *on_day), ("lineage",), ("outputs",),
        ("backup",),
    ):  # fmt: skip
        everything.ask(*words)
    files = everything.files()
    keys = [secret_part(everything.partner.keys / name) for name in ("shop", "server")]
    assert places_with([CORE, SECRET_KEY, *keys], files) == {}
    # The search finds what is no secret in the same places: in errors, rows, packed files and pages.
    said = {name.partition("/")[0] for name in places_with([SHOWN], files)}
    assert said >= {"home", "printed"}, "an error of a source"
    assert places_with([f"north-{FIRST_DAY}"], files).keys() >= {"catalog.sql"}, (
        "a row that DuckLake keeps in the catalog"
    )
    read = {name.partition("/daily_")[0] for name in places_with(["books"], files) if name.endswith(".parquet read")}
    assert read >= {"s3/outputs/exports", "s3/lake/marts"}, "a row of Parquet"
    assert {name for name in places_with(["Its server answered 403"], files) if name.startswith(("catalog", "s3/lake"))}
    assert {name for name in places_with(["rejected the login (HTTP 403)"], files) if name.startswith("printed")}, (
        "what the registry said"
    )
    assert {name for name in places_with(["HostKeyNotVerifiable"], files) if name.startswith("home/dagster")}
    assert {name for name in places_with(["RuntimeError"], files) if ".tar.gz: dagster" in name}, "a packed record"
    assert all(f"/reports/{page}" in "".join(files) for page in ("index.html", "quality.html"))
