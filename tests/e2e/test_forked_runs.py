"""Runs forked from a warm parent: each is a process of its own, and whatever is killed or cancelled, nothing is left.

Launched as the daemon does; a run waits for the lease that the test holds, so each is caught while it works.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.definitions.reconstruct import ReconstructableRepository
from tests.support.runs.daemon import daemon
from tests.support.runs.home import CONTRACTS, FIRST_DAY, NewHome, TemporaryHome
from tests.support.waiting import wait_for

from tidegate.intake.commit import commit_lease
from tidegate.lake.lease import EVERY_DAY, lease
from tidegate.machine.processes import is_alive
from tidegate.orchestration.assembly import build_definitions
from tidegate.orchestration.instance.run_launcher import ForkingRunLauncher
from tidegate.orchestration.names import DEFINITIONS, PROCESS_TAG, load_job
from tidegate.orchestration.partitions import partition_tags
from tidegate.orchestration.sensors.run_keeper import end_lost_runs
from tidegate.settings import CHECKOUT
from tidegate.window import Window

pytestmark = pytest.mark.slow

JOB, DAY = load_job("customers"), Window.of_day(FIRST_DAY)
LAUNCH = [str(Path(sys.executable).with_name("dagster")), "job", "launch", "-m", DEFINITIONS, "-j", JOB]


@dataclass
class Launched:
    """A home whose runs this process launches."""

    home: TemporaryHome

    @property
    def instance(self) -> DagsterInstance:
        return self.home.runner.instance

    @property
    def launcher(self) -> ForkingRunLauncher:
        launcher = self.instance.run_launcher
        assert isinstance(launcher, ForkingRunLauncher)
        return launcher

    @property
    def parent(self) -> int:
        """The process that runs are forked from."""
        assert self.launcher._parent is not None
        return self.launcher._parent._process.pid

    def launch(self) -> str:
        job = build_definitions(home=self.home.home).resolve_job_def(JOB)
        origin = ReconstructableRepository.for_module(DEFINITIONS, "defs").get_reconstructable_job(JOB)
        run = self.instance.create_run_for_job(
            job_def=job, tags=partition_tags(DAY), job_code_origin=origin.get_python_origin()
        )
        self.instance.launch_run(run.run_id, workspace=None)  # type: ignore[arg-type]
        return run.run_id

    def run(self, run_id: str) -> DagsterRun:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run

    def process(self, run_id: str) -> int:
        """The process of a run, once it has one."""
        return int(wait_for("the run's process", lambda: self.run(run_id).tags.get(PROCESS_TAG)))

    def ended(self, run_id: str) -> DagsterRunStatus:
        wait_for("the run's end", lambda: self.run(run_id).is_finished)
        self.wait_until_gone(self.process(run_id))
        return self.run(run_id).status

    def wait_until_gone(self, process: int) -> None:
        wait_for(f"the end of process {process}", lambda: not is_alive(process))

    @contextmanager
    def waiting(self) -> Iterator[str]:
        """A run that has begun and waits for what another writer holds."""
        with lease(self.home.home.lake_config, commit_lease("customers"), [EVERY_DAY]):
            run_id = self.launch()
            wait_for("the run's start", lambda: self.run(run_id).status is DagsterRunStatus.STARTED)
            yield run_id

    def locks(self) -> list[str]:
        return [path.name for path in (self.home.settings.scratch / "runs").iterdir()]


@pytest.fixture(scope="module")
def launched(new_module_home: NewHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    contracts = shutil.copytree(CONTRACTS, tmp_path_factory.mktemp("project") / "contracts")
    home = new_module_home(contracts=contracts)
    home.landing.customers(FIRST_DAY)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in home.environment.items():
            environment.setenv(name, value)
        yield Launched(home)
        home.runner.instance.dispose()


def open_files(process: int) -> list[str]:
    """What a process has open besides its standard streams."""
    folder = Path(f"/proc/{process}/fd")
    return sorted(str(each.readlink()).partition(":")[0] for each in folder.iterdir() if int(each.name) > 2)


def threads(process: int) -> int:
    return len(list(Path(f"/proc/{process}/task").iterdir()))


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def children_of(process: int) -> set[str]:
    return set(Path(f"/proc/{process}/task/{process}/children").read_text().split())


def test_a_run_is_a_process_of_its_own_whose_parent_keeps_nothing(launched: Launched) -> None:
    with launched.waiting() as run_id:
        parent, process = launched.parent, launched.process(run_id)
        assert parent_of(process) == parent != os.getpid()
        assert threads(parent) == 1
        # The launcher's socket, and a pipe to the run.
        assert set(open_files(parent)) == {"pipe", "socket"}
    assert launched.ended(run_id) is DagsterRunStatus.SUCCESS
    assert {launched.ended(launched.launch()) for _ in range(3)} == {DagsterRunStatus.SUCCESS}
    # Where the project's assets were not kept yet, it imported dbt, by which multiprocessing keeps one pipe.
    wait_for("the parent's last look", lambda: open_files(parent) in (["socket"], ["pipe", "socket"]))
    assert launched.parent == parent
    assert launched.locks() == []


def test_a_run_that_is_asked_for_twice_has_one_process(launched: Launched) -> None:
    with launched.waiting() as run_id:
        process, before = launched.process(run_id), children_of(launched.parent)
        assert launched.launcher._parent is not None
        launched.launcher._parent.fork(run_id)
        wait_for("the end of the second process", lambda: children_of(launched.parent) == before)
        assert launched.process(run_id) == process
        assert launched.run(run_id).status is DagsterRunStatus.STARTED
    assert launched.ended(run_id) is DagsterRunStatus.SUCCESS


def test_a_killed_run_is_on_record_as_failed_and_can_be_run_again(launched: Launched) -> None:
    with launched.waiting() as run_id:
        os.kill(launched.process(run_id), signal.SIGKILL)
        assert launched.ended(run_id) is DagsterRunStatus.FAILURE
    assert launched.locks() == []
    assert launched.ended(launched.launch()) is DagsterRunStatus.SUCCESS


def test_a_run_is_cancelled_from_another_process_than_the_one_that_launched_it(launched: Launched) -> None:
    with launched.waiting() as run_id, DagsterInstance.get() as of_the_ui:
        assert of_the_ui.run_launcher.terminate(run_id)
        assert launched.ended(run_id) is DagsterRunStatus.CANCELED
        # It asks once more, for a process that is gone.
        assert not of_the_ui.run_launcher.terminate(run_id)
    assert launched.locks() == []


def test_runs_go_on_when_their_parent_is_killed_and_the_next_one_has_another(launched: Launched) -> None:
    with launched.waiting() as run_id:
        killed = launched.parent
        os.kill(killed, signal.SIGKILL)
        second = launched.launch()
        assert launched.parent != killed
        os.kill(launched.process(run_id), signal.SIGKILL)
        launched.wait_until_gone(launched.process(run_id))
        end_lost_runs(launched.home.home, launched.instance)
        assert launched.run(run_id).status is DagsterRunStatus.FAILURE
    assert launched.ended(second) is DagsterRunStatus.SUCCESS
    assert launched.locks() == []


def test_a_changed_contract_makes_a_new_parent_and_no_run_outlives_the_old_one(launched: Launched) -> None:
    with launched.waiting() as run_id:
        old = launched.parent
        contract = launched.home.settings.contracts / "customers.odcs.yaml"
        contract.write_text(f"{contract.read_text()}\n# Changed.\n")
        second = launched.launch()
        assert launched.parent != old
        assert is_alive(old), "it reports how its runs end"
    assert {launched.ended(run_id), launched.ended(second)} == {DagsterRunStatus.SUCCESS}
    launched.wait_until_gone(old)


def test_the_daemons_runs_go_on_when_it_is_killed_and_then_nothing_is_left(launched: Launched, tmp_path: Path) -> None:
    held = lease(launched.home.home.lake_config, commit_lease("customers"), [EVERY_DAY])
    with daemon(launched.home, tmp_path / "daemon.log") as process, held:
        subprocess.run([*LAUNCH, "--tags", json.dumps(partition_tags(DAY))], cwd=CHECKOUT, check=True)
        run_id = launched.instance.get_runs(limit=1)[0].run_id
        run = launched.process(run_id)
        parent = parent_of(run)
        assert parent_of(parent) == process.pid
        process.kill()
        process.wait()
        assert is_alive(run)
        assert is_alive(parent)
    assert launched.ended(run_id) is DagsterRunStatus.SUCCESS
    launched.wait_until_gone(parent)
