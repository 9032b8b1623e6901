"""A stand-in of Kubernetes' API, of which each Job is a process in namespaces of its own, with a home of its own.

It answers what a launcher of runs asks: Jobs are made, looked at and deleted, pods are listed, their logs are read. A
config map or Secret that a pod names and nobody made is an error, as it is there.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from tests.support.cluster.machines import ISOLATED
from tests.support.servers import address_of, http_server

from tidegate.settings import CHECKOUT

# A fresh disk where the home is, with what the image has there. What follows has process id 1, as in a container.
START = 'hostname "$1"; mount -t tmpfs tmpfs "$2"; cp -r "$3/." "$2"; shift 3; exec "$@"'


@dataclass
class Pod:
    job: dict[str, Any]
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def name(self) -> str:
        return f"{self.job['metadata']['name']}-pod"

    @property
    def container(self) -> dict[str, Any]:
        [container] = self.job["spec"]["template"]["spec"]["containers"]
        return dict(container)

    @property
    def job_name(self) -> str:
        """Dagster's job."""
        return str(self.job["metadata"]["labels"]["dagster/job"])

    def send(self, number: signal.Signals) -> None:
        """Signal its first process; the others die with it."""
        parent = self.process.pid
        with suppress(FileNotFoundError):
            for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
                os.kill(int(child), number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """Ask it to, and kill it when its time is over."""
        self.send(signal.SIGTERM)
        grace = self.job["spec"]["template"]["spec"].get("terminationGracePeriodSeconds") or 30
        late = threading.Timer(grace, self.send, [signal.SIGKILL])
        late.daemon = True
        late.start()

    def seen(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The Job's status and the pod."""
        code = self.process.poll()
        phase = {None: "Running", 0: "Succeeded"}.get(code, "Failed")
        counted = {"Running": "active", "Succeeded": "succeeded", "Failed": "failed"}[phase]
        state = {"running": {}} if code is None else {"terminated": {"exitCode": code % 256}}
        container = {"name": self.container["name"], "image": self.container["image"], "imageID": "", "ready": True}
        pod = {
            "metadata": {"name": self.name, "labels": {"job-name": self.job["metadata"]["name"]}},
            "spec": self.job["spec"]["template"]["spec"],
            "status": {"phase": phase, "containerStatuses": [{**container, "restartCount": 0, "state": state}]},
        }
        return {counted: 1, "startTime": "2024-01-01T00:00:00Z"}, pod


@dataclass
class Pods:
    """`objects` holds config maps and Secrets by name; `image` is the environment that an image gives its processes,
    and `base` what lies in their home."""

    folder: Path
    home: Path
    image: Mapping[str, str]
    base: Path | None = None
    objects: dict[str, dict[str, str]] = field(default_factory=dict)
    running: dict[str, Pod] = field(default_factory=dict)
    made: list[Pod] = field(default_factory=list)
    address: str = ""

    def kubeconfig(self, path: Path) -> Path:
        """How a client outside of the cluster finds it."""
        context = {"name": "test", "context": {"cluster": "test", "user": "test"}}
        clusters = [{"name": "test", "cluster": {"server": self.address}}]
        users = [{"name": "test", "user": {"token": "none"}}]
        written = {"clusters": clusters, "users": users, "contexts": [context], "current-context": "test"}
        path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **written}))
        return path

    def of_run(self, run_id: str) -> Pod:
        [pod] = [pod for pod in self.made if pod.job["metadata"]["labels"]["dagster/run-id"] == run_id]
        return pod

    def create(self, job: dict[str, Any]) -> Pod:
        """Raises KeyError where the pod names what is not there."""
        name = job["metadata"]["name"]
        [container] = job["spec"]["template"]["spec"]["containers"]
        environment = dict(self.image)
        for source in container.get("envFrom") or ():
            [reference] = source.values()
            environment |= self.objects[reference["name"]]
        environment |= {each["name"]: each["value"] for each in container.get("env") or ()}
        log, prepared = self.folder / f"{name}.log", self.folder / name
        if self.base is None:
            prepared.mkdir()
        else:
            shutil.copytree(self.base, prepared)
        command = [*(container.get("command") or ()), *(container.get("args") or ())]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*ISOLATED, "sh", "-ec", START, "sh", name, str(self.home), str(prepared), *command],
                env=environment,
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        pod = Pod(job, process, log)
        self.running[name] = pod
        self.made.append(pod)
        return pod

    def delete(self, name: str) -> Pod | None:
        pod = self.running.pop(name, None)
        if pod is not None:
            pod.end()
        return pod

    def seen(self, selector: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Those of a selector, as in `job-name=x`."""
        _, _, name = selector.partition("=")
        return [pod.seen() for pod in self.made if name in (pod.name, pod.job["metadata"]["name"])]

    def tail(self) -> str:
        return "\n".join(f"=== {pod.name}\n{pod.log.read_text(errors='replace')[-3000:]}" for pod in self.made)


class Answers(BaseHTTPRequestHandler):
    pods: Pods

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(place.query).items()}
        selector = asked.get("labelSelector") or asked.get("fieldSelector") or ""
        match place.path.strip("/").split("/"):
            case ["version"]:
                self._answer(200, {"major": "1", "minor": "35", "gitVersion": "v1.35.0"})
            case [*_, "jobs", name] | [*_, "jobs", name, "status"] if name in self.pods.running:
                pod = self.pods.running[name]
                self._answer(200, {**pod.job, "status": pod.seen()[0]})
            case [*_, "jobs"]:
                found = [
                    pod.job for pod in self.pods.running.values() if selector.endswith(pod.job["metadata"]["name"])
                ]
                self._answer(200, {"items": found})
            case [*_, "pods"]:
                self._answer(200, {"items": [pod for _, pod in self.pods.seen(selector)]})
            case [*_, "events"]:
                self._answer(200, {"items": []})
            case _:
                self._answer(404, {"reason": "NotFound"})

    def do_POST(self) -> None:
        job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if job["metadata"]["name"] in self.pods.running:
            self._answer(409, {"reason": "AlreadyExists"})
            return
        try:
            self.pods.create(job)
        except KeyError as missing:
            self._answer(422, {"reason": "Invalid", "message": f"there is no {missing}"})
            return
        self._answer(201, job)

    def do_DELETE(self) -> None:
        match self.path.partition("?")[0].strip("/").split("/"):
            case [*_, "jobs", name] if self.pods.delete(name):
                self._answer(200, {"kind": "Status", "status": "Success"})
            case [*_, "pods", name] if found := self.pods.seen(f"name={name}"):
                self._answer(200, found[0][1])
            case _:
                self._answer(404, {"reason": "NotFound"})

    def _answer(self, code: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def kubernetes(pods: Pods) -> Iterator[Pods]:
    """Serve them; whatever runs then is killed."""
    handler: Any = type("Of", (Answers,), {"pods": pods})
    pods.folder.mkdir()
    with http_server(handler) as server:
        pods.address = address_of(server)
        try:
            yield pods
        finally:
            for pod in pods.made:
                if pod.process.poll() is None:
                    pod.kill()
