"""The files of deploy/: what they would start is valid, fits together, and says what Tidegate's own settings say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.cluster.helm import helm

from tidegate.orchestration.instance.dagster_home import instance_config
from tidegate.orchestration.private import LOCATION
from tidegate.settings import CHECKOUT, Settings, load_settings

DEPLOY = CHECKOUT / "deploy"
CHART = DEPLOY / "helm" / "tidegate"
BIN = Path(sys.executable).parent
# As `--set` takes it.
QUEUES = r"settings.QUEUES=large=2\, gpu=1"
PINNED = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)


@cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


def settings_of(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What a process with this environment would have for settings."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings(contracts=CHECKOUT / "contracts", dbt_project=CHECKOUT / "dbt_project")


def variables(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def test_compose_is_of_its_specification() -> None:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml")]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


def test_every_role_of_compose_has_settings_that_work(monkeypatch: pytest.MonkeyPatch) -> None:
    roles = {
        name: each
        for name, each in compose()["services"].items()
        if "TIDEGATE_DEPLOYMENT" in each.get("environment", {})
    }
    assert {"init", "code-server", "daemon", "webserver", "worker", "metrics"} == set(roles)
    filled = {
        name: re.sub(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}", lambda found: found[2] or "secret", str(value))
        for name, value in roles["worker"]["environment"].items()
    }
    settings = settings_of(filled, monkeypatch)

    assert settings.deployment == "celery"
    assert settings.code_server == "code-server:4266"
    assert settings.workers == roles["worker"]["deploy"]["replicas"]
    assert all(each["environment"] == roles["worker"]["environment"] for each in roles.values())


def test_no_file_holds_a_secret_and_every_one_is_asked_for() -> None:
    given = variables((DEPLOY / "compose.env.example").read_text())
    text = (DEPLOY / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?", text))

    assert {name for name in given if name != "TIDEGATE_WORKERS"} == asked
    assert all(value == "" for name, value in given.items() if name in asked)
    assert "deploy/compose.env\n" in (CHECKOUT / ".gitignore").read_text()


def test_what_compose_mounts_is_there() -> None:
    mounted = [
        volume.split(":")[0]
        for service in compose()["services"].values()
        for volume in service.get("volumes", ())
        if volume.startswith("./")
    ]
    assert mounted
    assert [path for path in mounted if not (DEPLOY / path).exists()] == []


def test_what_the_dockerfile_copies_is_there_and_sent_to_the_builder() -> None:
    copies = re.findall(
        r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", (DEPLOY / "docker" / "Dockerfile").read_text(), re.MULTILINE
    )
    sources = [source for line in copies for source in line.split()]
    sent = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert sources
    assert [source for source in sources if not (CHECKOUT / source).exists()] == []
    assert [source for source in sources if not any(Path(source).is_relative_to(each) for each in sent)] == []


def test_the_image_has_the_versions_that_are_tested() -> None:
    of_image = dict(PINNED.findall((DEPLOY / "docker" / "requirements.lock").read_text()))
    tested = dict(PINNED.findall((CHECKOUT / "requirements.lock").read_text()))

    assert {"dagster-celery", "dagster-k8s", "dagster-postgres", "prometheus-client"} <= set(of_image)
    assert "pytest" not in of_image
    assert {name: version for name, version in of_image.items() if tested.get(name) != version} == {}


def test_what_make_run_installs_is_what_is_tested_without_extras_and_tools() -> None:
    of_user = PINNED.findall((DEPLOY / "local" / "requirements.lock").read_text())
    tested = PINNED.findall((CHECKOUT / "requirements.lock").read_text())
    extras = {
        "duckdb-cli",
        "duckdb-extension-httpfs",
        "duckdb-extension-postgres-scanner",
        "obstore",
        "pyarrow",
        "kubernetes",
    }

    assert {"dagster-webserver", "dagster-aws", "dbt-duckdb", "pandas"} <= {name for name, _ in of_user}
    assert {name for name, _ in of_user} & (extras | {"pytest", "sphinx", "sqlglotc"}) == set()
    assert set(of_user) - set(tested) == set()


@pytest.mark.parametrize("file", ["docker/workspace.yaml", "systemd/workspace.yaml"])
def test_a_workspace_calls_the_code_server_as_the_command_line_does(file: str) -> None:
    [place] = yaml.safe_load((DEPLOY / file).read_text())["load_from"]

    assert place["grpc_server"]["location_name"] == LOCATION


def test_the_environment_of_plain_machines_is_of_settings_that_work(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = variables((DEPLOY / "systemd" / "tidegate.env.example").read_text())
    # There is no such folder here.
    del environment["TIDEGATE_PROJECT"]
    settings = settings_of(environment, monkeypatch)

    assert settings.deployment == "celery"


def test_the_policy_of_s3_is_for_the_places_that_the_environments_name() -> None:
    allowed = {
        resource.partition("BUCKET/")[2].removesuffix("/*"): set(statement["Action"])
        for statement in json.loads((DEPLOY / "s3" / "policy.json").read_text())["Statement"]
        for resource in ([statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"])
        if "BUCKET/" in resource
    }
    named = set(re.findall(r"s3://BUCKET/(\S+)", (DEPLOY / "systemd" / "tidegate.env.example").read_text()))

    assert set(allowed) == named
    assert allowed["landing"] == {"s3:GetObject"}


@pytest.mark.system
@pytest.mark.parametrize("deployment", ["kubernetes", "celery"])
def test_the_chart_renders_what_kubernetes_takes(deployment: str, tmp_path: Path) -> None:
    rendered = tmp_path / "rendered.yaml"
    rendered.write_text(
        template(
            deployment,
            "readOnlyWebserver.enabled=true",
            "ingress.enabled=true",
            "ingress.host=t.example",
            "ingress.tlsSecretName=tls",
            "workers=4",
            QUEUES,
            "queues.large.settings.THREADS=4",
        )
    )
    command = [str(BIN / "kubernetes-validate"), "--strict", "-k", "1.35", str(rendered)]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    kinds = [each["kind"] for each in yaml.safe_load_all(rendered.read_text()) if each]
    assert kinds.count("Deployment") == {"kubernetes": 5, "celery": 8}[deployment]
    assert ("Role" in kinds) == (deployment == "kubernetes")


@pytest.mark.system
@pytest.mark.parametrize("deployment", ["kubernetes", "celery"])
def test_the_charts_dagster_yaml_is_the_one_that_init_writes(deployment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = rendered_objects(deployment, "workers=4", QUEUES)
    maps = {each["metadata"]["name"]: each["data"] for each in objects if each["kind"] == "ConfigMap"}
    environment = {**maps["t-environment"], "REDIS_URL": "redis://broker", "TIDEGATE_HOME": "/tidegate"}
    written = yaml.safe_load(maps["t-instance"]["dagster.yaml"])
    own = written["run_launcher"]["config"].pop("run_k8s_config", {})

    assert written == instance_config(settings_of(environment, monkeypatch))
    assert bool(own) == (deployment == "kubernetes")


@pytest.mark.system
def test_each_queue_has_workers_of_its_own_and_all_other_runs_have_the_rest() -> None:
    more = "queues.large.resources.requests.memory=16Gi", "queues.large.settings.MEMORY_LIMIT=10GB"
    deployments = {
        each["metadata"]["name"]: each["spec"]
        for each in rendered_objects("celery", "workers=4", QUEUES, *more)
        if each["kind"] == "Deployment"
    }
    workers = {name: spec for name, spec in deployments.items() if name.startswith("t-worker")}
    containers = {name: spec["template"]["spec"]["containers"][0] for name, spec in workers.items()}

    assert {name: spec["replicas"] for name, spec in workers.items()} == {
        "t-worker": 1,
        "t-worker-gpu": 1,
        "t-worker-large": 2,
    }
    assert {name: container["command"] for name, container in containers.items()} == {
        "t-worker": ["tidegate", "worker"],
        "t-worker-gpu": ["tidegate", "worker", "--queue", "gpu"],
        "t-worker-large": ["tidegate", "worker", "--queue", "large"],
    }
    assert containers["t-worker-large"]["env"] == [{"name": "TIDEGATE_MEMORY_LIMIT", "value": "10GB"}]
    assert containers["t-worker-large"]["resources"] == {"requests": {"memory": "16Gi"}}
    assert containers["t-worker-gpu"]["resources"] == containers["t-worker"]["resources"]
    assert {name for name in containers if "env" in containers[name]} == {"t-worker-large"}


@pytest.mark.system
def test_no_pod_is_root_and_only_who_launches_has_a_token() -> None:
    pods = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in rendered_objects("kubernetes")
        if each["kind"] in ("Deployment", "Job")
    }
    assert all(pod["securityContext"]["runAsNonRoot"] for pod in pods.values())
    assert {name for name, pod in pods.items() if pod["automountServiceAccountToken"]} == {"t-daemon", "t-webserver"}


@pytest.mark.system
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("image.tag=", "image.tag"),
        ("stepLogs.bucket=", "stepLogs.bucket"),
        ("deployment=local", "kubernetes or celery"),
        ("settings.QUEUES=large=2", "none of the 2 workers"),
        ("settings.QUEUES=Large=1", "small letters"),
        (r"settings.QUEUES=a=1\,a=1", "names the queue a twice"),
        ("settings.QUEUES=dagster=1", "names the queue dagster twice"),
        ("queues.large.settings.THREADS=4", "queues.large"),
    ],
)
def test_values_that_lack_something_are_refused_by_name(wrong: str, said: str) -> None:
    done = subprocess.run(_command("deployment=celery", wrong), capture_output=True, text=True, env=_environment())

    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.system
def test_the_steps_of_who_installs_the_chart_work_until_a_cluster_is_needed(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "many-machines.md").read_text().partition("## Install the chart")[2]
    (block,) = (each for each in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "helm lint" in each)
    typed = block.partition("helm install")[0]
    assert typed.splitlines()[-1].startswith("kubernetes-validate")
    (tmp_path / "deploy").symlink_to(DEPLOY)
    environment = {**_environment(), "PATH": f"{helm().parent}:{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-ec", typed], cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 chart(s) failed" in done.stdout
    assert {each["kind"] for each in yaml.safe_load_all((tmp_path / "objects.yaml").read_text()) if each} >= {
        "Deployment",
        "Job",
        "Role",
    }


def rendered_objects(deployment: str, *values: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(template(deployment, *values)) if each]


def template(deployment: str, *values: str) -> str:
    done = subprocess.run(
        _command(f"deployment={deployment}", *values), capture_output=True, text=True, env=_environment()
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _command(*values: str) -> list[str]:
    settings = [argument for value in values for argument in ("--set", value)]
    return [str(helm()), "template", "t", str(CHART), "--values", str(CHART / "example-values.yaml"), *settings]


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
