"""What machines that share a record and a lake must have in common, looked at from one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import yaml

from tidegate.errors import TidegateError
from tidegate.orchestration.instance.code_version import VERSION_METADATA, difference, version_of
from tidegate.orchestration.instance.dagster_home import instance_config, open_instance
from tidegate.orchestration.private import metadata_of_code_server
from tidegate.settings import Settings

# How it stands, in a sentence, and what to do.
Look: TypeAlias = tuple[Literal["good", "warning", "bad"], str, str]


def look_at_machines(settings: Settings) -> Iterator[Look]:
    yield from _config(settings)
    yield from _code_server(settings)
    if settings.deployment == "celery":
        yield from _workers(settings)
    if "://" not in settings.backups:
        why = f"Backups go to {settings.backups}, of whichever machine makes one."
        yield "warning", why, "Set TIDEGATE_BACKUPS to a place that all of them reach."


def _config(settings: Settings) -> Iterator[Look]:
    config = settings.dagster_home / "dagster.yaml"
    if yaml.safe_load(config.read_text(encoding="utf-8")) == instance_config(settings):
        yield "good", f"{config} says what the settings do.", ""
        return
    why = f"{config} is not what `tidegate init` would write from the settings."
    yield "warning", why, "Have it the same on every machine; or move it away, and: tidegate init"


def _code_server(settings: Settings) -> Iterator[Look]:
    with open_instance(settings) as instance:
        try:
            there = metadata_of_code_server(instance, settings.code_server_address, VERSION_METADATA)
        except ConnectionError as error:
            yield (
                "bad",
                f"The code server at {settings.code_server} cannot be asked: {error}",
                "Start it, or see its log.",
            )
            return
    here = version_of(settings)
    if there == here:
        yield "good", f"The code server at {settings.code_server} has the same code, contracts and dbt project.", ""
        return
    differ = difference(there, here) if there else "that it says no version"
    why = f"This machine and the code server at {settings.code_server} differ in {differ}."
    yield "bad", why, "Bring both to one version, and restart both."


def _workers(settings: Settings) -> Iterator[Look]:
    try:
        from tidegate.orchestration.instance.workers.asking import processes_of_workers

        workers = processes_of_workers()
    except TidegateError as error:
        yield "bad", str(error), ""
        return
    count = sum(workers.values())
    if not workers:
        yield "bad", "No worker answers, so no run is executed.", "Start them: tidegate worker"
    elif count < settings.workers:
        why = f"TIDEGATE_WORKERS lets {settings.workers} runs begin at once, and the workers have {count} processes."
        yield "warning", why, "Start more workers, or lower it everywhere, and: tidegate init"
    else:
        yield "good", f"{len(workers)} workers answer, with {count} processes.", ""
