"""A project of one's own, from the wheel alone, outside a checkout: made, run, extended with the examples of one's own
Dagster, read and tested. What the tour does with one, `docs/test_tour.py` does: samples of one's own, an upgrade."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.support.sftp_server import sftp_server
from tests.support.wheel import built

from tidegate.settings import CHECKOUT

OWN_MART = """
select
    sale_date,
    product,
    cast(sum(amount) as decimal(38, 2)) as revenue
from {{ ref("stg_sales") }}
where {{ tidegate.in_window("sale_date") }}
group by sale_date, product
"""

OWN_MART_YAML = """
models:
  - name: daily_products
    description: One row per day and product.
    config: {meta: {tidegate: {day: sale_date}}}
    columns:
      - {name: sale_date, data_type: date}
      - {name: product, data_type: varchar}
      - {name: revenue, data_type: "decimal(38, 2)"}
    data_tests:
      - tidegate.unique:
          name: one_row_per_product
          arguments: {columns: [sale_date, product]}
          config: {severity: error}
"""

# In another process, as the daemon and a run do it: the sensor asks for the newest day, and its run reads that day.
RUN_OWN_ASSET = """
import dagster as dg, tidegate
from tidegate.definitions import defs
with dg.DagsterInstance.get() as instance:
    sensor = defs.resolve_sensor_def("when_default_is_published")
    tick = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, definitions=defs))
    (request,) = tick.run_requests
    job = defs.resolve_implicit_global_asset_job_def()
    own = [dg.AssetKey(name) for name in ("announcement", "dashboard", "partner_file")]
    run = job.execute_in_process(partition_key=request.partition_key, asset_selection=own, instance=instance)
    events = run.get_asset_materialization_events()
    done = {event.asset_key.to_user_string(): event.materialization.metadata for event in events}
    again = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, cursor=tick.cursor))
con = tidegate.connect()
try:
    con.execute("delete from lake.serving.daily_sales")
except Exception as error:
    refused = str(error)
print(request.partition_key, done["announcement"]["rows"].value, len(again.run_requests or ()))
print(len(con.sql("select * from daily_products").df()), "read-only" in refused)
"""


@dataclass(frozen=True)
class Project:
    folder: Path

    def type(self, *words: str, **more: str) -> str:
        """What a command prints, typed in the project without anything of this process's environment."""
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/root"), **more}
        done = subprocess.run(
            words, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def tidegate(self, *words: str) -> str:
        return self.type(str(self.folder / ".venv" / "bin" / "tidegate"), *words)

    def install(self, wheel: Path) -> None:
        uv = Path(sys.executable).with_name("uv")
        python = self.folder / ".venv" / "bin" / "python"
        self.type(
            str(uv),
            "pip",
            "install",
            "-q",
            "--offline",
            "--no-deps",
            "--reinstall",
            "--python",
            str(python),
            str(wheel),
        )


def environment_with(folder: Path, wheel: Path) -> Project:
    """An environment that has what this one has, but Tidegate from the wheel."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / ".venv")], check=True)
    (packages,) = (folder / ".venv" / "lib").glob("python3*/site-packages")
    (packages / "what_the_tests_have.pth").write_text(str(Path(pytest.__file__).parents[1]) + "\n")
    project = Project(folder)
    project.install(wheel)
    return project


def use_examples(python: Path) -> None:
    """Have the project's own definitions be those of the examples as well, for its one product."""
    for name in ("dashboard", "partner_file"):
        text = (CHECKOUT / "examples" / "own_dagster" / f"{name}.py").read_text()
        (python / f"{name}.py").write_text(text.replace('"sales"', '"default"'))
    with (python / "definitions.py").open("a") as file:
        file.write("import dashboard, partner_file\n")
        file.write("defs = dg.Definitions.merge(defs, dashboard.defs, partner_file.defs)\n")


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A web server that takes whatever is sent: its address, and the path and the text of each request."""
    received: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.timeout(1200)
@pytest.mark.slow
def test_a_project_is_made_run_extended_and_tested_with_the_wheel_alone(tmp_path: Path) -> None:
    wheel = built(tmp_path / "dist")
    assert len(list(wheel.parent.glob("*.tar.gz"))) == 1
    maker = environment_with(tmp_path / "maker", wheel)
    assert maker.tidegate("--version") == f"tidegate {version('tidegate')}\n"
    maker.tidegate("new", str(tmp_path / "shop"))
    shop = environment_with(tmp_path / "shop", wheel)

    # Nothing of the checkout is read.
    where = shop.type(str(shop.folder / ".venv/bin/python"), "-c", "import tidegate; print(tidegate.__file__)")
    assert where.startswith(str(shop.folder))

    marts = shop.folder / "dbt_project" / "models" / "marts"
    (marts / "daily_products.sql").write_text(OWN_MART)
    (marts / "daily_products.yml").write_text(OWN_MART_YAML)
    use_examples(shop.folder / "python")
    printed = shop.type("make", "run")
    assert "3 days published, 0 held" in printed
    assert "66.00" in printed
    dagster_home = str(shop.folder / ".tidegate" / "dagster")
    python = str(shop.folder / ".venv" / "bin" / "python")
    with receiver() as (address, received), sftp_server(tmp_path / "partner") as partner:
        variables = {"DASHBOARD_REFRESH_URL": f"{address}/refresh", **partner.environment}
        words = shop.type(python, "-c", RUN_OWN_ASSET, DAGSTER_HOME=dagster_home, **variables).split()
    day, rows, asked_again, own, refused = words
    (sent,) = partner.inbox.iterdir()
    assert sent.name.startswith(f"daily_sales-{day}-")
    assert f"{day},12,66.00" in sent.read_text()
    ((told_at, told),) = received
    assert (told_at, json.loads(told)["day"]) == ("/refresh", day)
    assert (day in printed, rows, asked_again, own, refused) == (True, "1", "0", "9", "True")
    assert "1 passed" in shop.type("make", "test")
