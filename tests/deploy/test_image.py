"""The image of deploy/docker is built, and what deploy/compose.yaml starts of it starts, as an ordinary user."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from tests.support.cluster.cluster import Cluster, cluster
from tests.support.podman import Podman, is_possible, podman
from tests.support.servers import free_port
from tests.support.ui.server import Ui
from tests.support.waiting import wait_for

from tidegate.settings import CHECKOUT

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not is_possible(), reason="needs root and Debian's packages podman, runc and mmdebstrap: see CONTRIBUTING.md"
    ),
]

ROLES = yaml.safe_load((CHECKOUT / "deploy" / "compose.yaml").read_text())["services"]
STARTED = ("code-server", "daemon", "webserver", "worker", "metrics")
# Whoever runs in the image, by the Dockerfile.
USER = 10001
START_SECONDS = 300.0

LISTED = "find contracts dbt_project -type f -not -path '*/__pycache__/*' | sort | xargs sha256sum"
READ = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=60).read().decode())"
PARSED = """
from tidegate.home import Home
from tidegate.settings import load_settings
print("\\n".join(sorted(Home(load_settings()).dbt.logic())))
"""


@pytest.fixture(scope="module")
def image(record_testsuite_property: Callable[[str, object], None]) -> Iterator[Podman]:
    began = time.monotonic()
    with podman() as made:
        made.build()
        record_testsuite_property("seconds to build the image", time.monotonic() - began)
        yield made


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """PostgreSQL, Redis and S3, and no machine."""
    with cluster(tmp_path_factory.mktemp("services"), ()) as made:
        yield made


def test_who_runs_in_it_is_an_ordinary_user_who_cannot_change_the_code(image: Podman) -> None:
    script = "id -u; find /opt/tidegate /usr/bin -writable -not -type l | head -1"

    assert image.run("sh", "-c", script, options=["--rm"]) == f"{USER}\n"


def test_it_has_the_contracts_and_the_project_of_the_checkout_parsed(image: Podman) -> None:
    sums = image.run("sh", "-c", LISTED, options=["--rm"])
    of_image = {line.split(None, 1)[1]: line.split()[0] for line in sums.splitlines()}
    contracts = [path.relative_to(CHECKOUT) for path in (CHECKOUT / "contracts").rglob("*.odcs.yaml")]

    assert contracts
    for name in (*contracts, Path("dbt_project", "dbt_project.yml")):
        assert of_image[str(name)] == hashlib.sha256((CHECKOUT / name).read_bytes()).hexdigest(), name
    # Nothing can be written, so nothing can be parsed.
    marts = image.run("python", "-c", PARSED, options=["--rm", "--read-only"])
    assert "daily_sales" in marts.splitlines()


def test_every_role_of_compose_starts_in_it(image: Podman, services: Cluster, tmp_path: Path) -> None:
    ports = {role: free_port() for role in ("code-server", "webserver", "metrics")}
    environment = of_roles(services, f"127.0.0.1:{ports['code-server']}")
    instance = tmp_path / "instance"
    instance.mkdir()
    os.chown(instance, USER, USER)
    (tmp_path / "workspace.yaml").write_text(
        f"load_from: [{{grpc_server: {{host: 127.0.0.1, port: {ports['code-server']}, location_name: tidegate}}}}]"
    )
    mounts = [f"--volume={instance}:/tidegate/dagster", f"--volume={tmp_path}/workspace.yaml:/deploy/workspace.yaml"]
    image.run("tidegate", "init", options=["--rm", *mounts], environment=environment)
    for role in STARTED:
        image.run(*command_of(role, ports), options=["--detach", f"--name={role}", *mounts], environment=environment)

    try:
        wait_for("The head", Ui(f"http://127.0.0.1:{ports['webserver']}").is_up, START_SECONDS)
        wait_for("The worker", lambda: " ready." in image("logs", "worker"), START_SECONDS)
        assert "tidegate_" in image(
            "exec", "metrics", "python", "-c", READ, f"http://127.0.0.1:{ports['metrics']}/metrics"
        )
        told = image("exec", "daemon", "tidegate", "doctor", check=False)
        assert "The daemon reported at" in told, told
        assert "has the same code, contracts and dbt project" in told, told
        assert "the workers have 1 processes" in told, told
    except BaseException:
        for role in STARTED:
            print(f"=== {role}", image("logs", "--tail=50", role, check=False))
        raise
    finally:
        image("rm", "--all", "--force", "--time=0")


def of_roles(services: Cluster, code_server: str) -> Mapping[str, str]:
    """What compose sets, with the addresses of these services."""
    given: Mapping[str, str] = {
        name: re.sub(r"\$\{\w+:[-?]([^}]*)\}", r"\1", str(value))
        for name, value in ROLES["worker"]["environment"].items()
    }
    return {
        **{name: services.environment.get(name, value) for name, value in given.items()},
        "TIDEGATE_CODE_SERVER": code_server,
    }


def command_of(role: str, ports: Mapping[str, int]) -> list[str]:
    """What compose runs, at a port that is free here."""
    command: list[str] = ROLES[role]["command"]
    if role not in ports:
        return command
    if "--port" not in command:
        return [*command, "--port", str(ports[role])]
    return [
        str(ports[role]) if before == "--port" else word
        for before, word in zip(["", *command[:-1]], command, strict=True)
    ]
