"""Tidegate on several machines: PostgreSQL, Redis and S3, a head with code server, daemon and UI, and workers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from celery import Celery
from dagster import DagsterInstance
from tests.support.cluster.machines import Machine, boot
from tests.support.cluster.network import SERVICES, Network, is_possible, network
from tests.support.cluster.redis import Redis, redis
from tests.support.dbt_package import use_package
from tests.support.runs.home import TemporaryHome
from tests.support.s3_server import Bucket, S3Server, s3_server
from tests.support.servers import PostgresAddress, free_port, postgres, postgres_programs
from tests.support.ui.server import Ui
from tests.support.waiting import wait_for

from tidegate.orchestration.instance.dagster_home import open_instance
from tidegate.orchestration.instance.workers.broker import BROKER_TROUBLE, QUEUE, SETTINGS
from tidegate.settings import CHECKOUT, load_settings

BIN = Path(sys.executable).parent
WORKSPACE = "load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: tidegate}}\n"
START_SECONDS = 300.0
DISK_MIB = 96
PASSWORD = "a password's"


@dataclass
class Storage:
    """A server of S3 that can be stopped and started again, with what it holds."""

    root: Path
    address: str
    running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> S3Server:
        self.root.mkdir(exist_ok=True)
        return self.running.enter_context(s3_server(self.root, address=self.address))

    def stop(self) -> None:
        self.running.close()


@dataclass
class Cluster:
    """`environment` is what all of its machines share; each has a home of its own below `folder`."""

    folder: Path
    postgres: PostgresAddress
    redis: Redis
    storage: Storage
    bucket: Bucket
    environment: dict[str, str]
    network: Network
    ui_port: int = field(default_factory=free_port)
    machines: dict[str, Machine] = field(default_factory=dict)
    workers: set[str] = field(default_factory=set)

    def environment_of(self, name: str) -> dict[str, str]:
        home = self.folder / name
        return {**self.environment, "TIDEGATE_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}

    def init(self, name: str, *others: str) -> None:
        """Make a machine's home, and the same for others, as one image gives it to each."""
        self.tidegate(name, "init")
        for other in others:
            shutil.copytree(self.folder / name, self.folder / other, dirs_exist_ok=True)

    def tidegate(self, name: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command on a machine, until it ended."""
        done = subprocess.run(
            [str(BIN / "tidegate"), *arguments],
            env=self.environment_of(name),
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def boot_head(self, ui: bool = True) -> None:
        """The machine of code server, daemon and UI; returns once the UI is there."""
        workspace = self.folder / "workspace.yaml"
        port = self.environment["TIDEGATE_CODE_SERVER"].rpartition(":")[2]
        workspace.write_text(WORKSPACE.format(port=port))
        commands = [
            f"{BIN}/dagster code-server start -h 127.0.0.1 -p {port} -m tidegate.definitions",
            f"{BIN}/dagster-daemon run -w {workspace}",
        ]
        if not ui:
            self._boot("head", commands)
            return
        self._boot("head", [*commands, f"{BIN}/dagster-webserver -h 127.0.0.1 -p {self.ui_port} -w {workspace}"])
        wait_for("The start of the head", Ui(f"http://127.0.0.1:{self.ui_port}").is_up, START_SECONDS)

    def boot_daemon(self, name: str) -> None:
        """A machine with a daemon and nothing else."""
        self._boot(name, [f"{BIN}/dagster-daemon run -w {self.folder / 'workspace.yaml'}"])

    def fill_disk(self, name: str) -> Path:
        """Leave no room on the disk of a machine that has a small one of its own; returns what takes it."""
        taken = self.folder / name / "taken"
        with suppress(OSError), taken.open("wb", buffering=0) as out:
            while True:
                out.write(bytes(2**20))
        return taken

    def resize_disk(self, name: str, mib: int) -> None:
        """Have the small disk of a machine hold so much, while it is used."""
        subprocess.run(["mount", "-o", f"remount,size={mib}m", str(self.folder / name)], check=True)

    def boot_worker(self, name: str, **environment: str) -> None:
        """A worker that has these variables beside what all machines have."""
        self._boot(name, [f"{BIN}/tidegate worker"], **environment)
        self.workers.add(name)

    def only(self, *names: str) -> None:
        """Have these workers take runs and no others, once all workers answer."""

        def told() -> bool:
            # Of a broker that restarted, connections that were open are none.
            app = Celery("tidegate", broker=self.redis.url)
            app.conf.update(SETTINGS)
            with suppress(*BROKER_TROUBLE):
                found = {worker.rpartition("@")[2]: worker for worker in app.control.inspect(timeout=2.0).ping() or {}}
                for name, worker in found.items():
                    change = app.control.add_consumer if name in names else app.control.cancel_consumer
                    change(QUEUE, destination=[worker], reply=True, timeout=5.0)
                return found.keys() == self.workers
            return False

        wait_for("An answer of all workers", told, START_SECONDS)

    def wait_for_worker(self, name: str) -> None:
        machine = self.machines[name]
        wait_for(f"The start of {name}", lambda: " ready." in machine.printed(), START_SECONDS)

    def _boot(self, name: str, commands: list[str], **environment: str) -> None:
        log, entering = self.folder / f"{name}.log", self.network.entering(name)
        self.machines[name] = boot(name, log, {**self.environment_of(name), **environment}, commands, entering)

    def power_off(self, name: str) -> None:
        self.machines.pop(name).power_off()
        self.workers.discard(name)

    def home(self, name: str) -> TemporaryHome:
        """A machine's home, looked at from this process, whose environment is the cluster's."""
        return TemporaryHome(load_settings(home=self.folder / name))

    def instance(self, name: str) -> DagsterInstance:
        return open_instance(load_settings(home=self.folder / name))

    def tail(self) -> str:
        """The end of what each machine printed, for whoever reads why a test failed."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"=== {log.name}\n{log.read_text(errors='replace')[-6000:]}" for log in logs)


@contextmanager
def cluster(folder: Path, workers: Sequence[str], **settings: str) -> Iterator[Cluster]:
    """The services, without a machine yet. Whatever was booted is off afterwards. Where networks can be made, each
    worker has a link of its own to them."""
    with ExitStack() as stack:
        between = Network()
        if is_possible():
            between = stack.enter_context(network(*workers))
        host = {name: between.address(name) if between.machines else "127.0.0.1" for name in SERVICES}
        storage = Storage(folder / "s3", f"{host['s3']}:{free_port()}")
        stack.callback(storage.stop)
        server = storage.start()
        bucket = Bucket(server, "tidegate")
        bucket.client.create_bucket(Bucket=bucket.name)
        address = stack.enter_context(postgres(host["postgres"]))
        with_roles(address)
        (folder / "redis").mkdir()
        broker = stack.enter_context(redis(folder / "redis", host["redis"]))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEGATE_", "DAGSTER_"))}
        shared = {
            "DEPLOYMENT": "celery",
            "LAKE_CATALOG": f"postgres:{address.over_tcp} dbname=lake user=tidegate",
            "DAGSTER_DATABASE": f"postgres:{address.over_tcp} dbname=dagster user=tidegate",
            "CODE_SERVER": f"127.0.0.1:{free_port()}",
            **{name: f"{bucket.url}/{name.lower()}" for name in ("LANDING", "ARCHIVE", "OUTPUTS", "STEP_LOGS")},
            "LAKE_DATA": f"{bucket.url}/lake",
            "THREADS": "1",
            "MEMORY_LIMIT": "1GB",
        }
        environment = {
            **kept,
            **server.environment,
            "REDIS_URL": broker.url,
            "PGPASSWORD": PASSWORD,
            "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", "")]),
            **{f"TIDEGATE_{name}": value for name, value in {**shared, **settings}.items()},
        }
        made = Cluster(folder, address, broker, storage, bucket, environment, between)
        try:
            yield made
        except BaseException:
            print(made.tail())
            raise
        finally:
            for machine in made.machines.values():
                machine.power_off()


@contextmanager
def small_disks(folder: Path, names: Sequence[str]) -> Iterator[None]:
    """Have the homes of machines lie on disks of their own, as small as will do."""
    with ExitStack() as stack:
        for name in names:
            (folder / name).mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder / name)], check=True)
            stack.callback(subprocess.run, ["umount", "--lazy", str(folder / name)], check=True)
        yield


def with_roles(address: PostgresAddress) -> None:
    """The roles and databases of deploy/postgres, which have the least rights that suffice."""
    command = [str(postgres_programs() / "psql"), "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1"]
    roles = str(CHECKOUT / "deploy" / "postgres" / "roles.sql")
    connection = f"{address.settings} dbname=postgres"
    subprocess.run([*command, "-v", f"tidegate_password={PASSWORD}", "-f", roles, connection], check=True)


def two_products(folder: Path) -> Path:
    """The dbt project of two products, with its contracts in it."""
    shutil.copytree(CHECKOUT / "tests" / "support" / "runs" / "projects" / "two_products", folder)
    use_package(folder)
    return folder
