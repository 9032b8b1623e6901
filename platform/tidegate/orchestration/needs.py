"""What the launchers are told of a run's needs: Dagster's tags, on each job that works for a source or product."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping

from tidegate.contract.model import Contract
from tidegate.deployment import DEFAULT_QUEUE, queues_of
from tidegate.errors import TidegateError
from tidegate.needs import Needs, of_one_run
from tidegate.orchestration.names import POD_TAG, QUEUE_TAG
from tidegate.publishing.requirements import GateRequirements
from tidegate.settings import Settings

# Of a run's memory, what DuckDB may take. The rest is Python's, and what DuckDB takes without counting it.
SHARE_OF_DUCKDB = 0.6


def tags_of_job(
    settings: Settings, job: str, contracts: Iterable[Contract] = (), products: Iterable[GateRequirements] = ()
) -> dict[str, str]:
    """The tags of a job that does the work of these. Raises TidegateError where no run could have what they need."""
    by_whom = {
        **{f"the source {contract.source}": contract.needs for contract in contracts},
        **{f"the product {product.product}": product.promise.needs for product in products},
    }
    needs = of_one_run(job, by_whom)
    if settings.deployment == "kubernetes":
        return _of_a_pod(needs)
    if settings.deployment == "celery":
        return _of_a_queue(settings, needs, by_whom)
    return {}


def _of_a_pod(needs: Needs) -> dict[str, str]:
    requests = {
        **({"cpu": f"{needs.cpu.normalize():f}"} if needs.cpu is not None else {}),
        **({"memory": f"{needs.memory}Mi"} if needs.memory is not None else {}),
    }
    container: dict[str, object] = {"image": needs.image} if needs.image else {}
    if requests:
        # A pod without a limit of cores uses those that others leave; one without a limit of memory takes it from them.
        limits = {"memory": requests["memory"]} if "memory" in requests else {}
        container |= {"resources": {"requests": requests, **({"limits": limits} if limits else {})}}
        container |= {"env": [{"name": name, "value": value} for name, value in _settings_of_a_pod(needs)]}
    return {POD_TAG: json.dumps({"container_config": container})} if container else {}


def _settings_of_a_pod(needs: Needs) -> Iterable[tuple[str, str]]:
    """What makes use of what the pod has."""
    if needs.memory is not None:
        yield "TIDEGATE_MEMORY_LIMIT", f"{int(needs.memory * SHARE_OF_DUCKDB)}MiB"
    if needs.cpu is not None:
        yield "TIDEGATE_THREADS", str(math.ceil(needs.cpu))


def _of_a_queue(settings: Settings, needs: Needs, by_whom: Mapping[str, Needs]) -> dict[str, str]:
    queues = queues_of(settings.queues, settings.workers)
    if needs.queue not in (None, DEFAULT_QUEUE, *queues):
        who = next(name for name, each in by_whom.items() if each.queue == needs.queue)
        raise TidegateError(
            f"The queue {needs.queue!r} of {who} is not in TIDEGATE_QUEUES ({settings.queues or 'which is empty'}): "
            "its runs would wait for a worker that nobody starts. Nothing was run or changed. Add it there, with how "
            "many processes of workers take runs from it, then: tidegate init"
        )
    # Where there are queues, all runs say theirs: the daemon counts those of each.
    return {QUEUE_TAG: needs.queue or DEFAULT_QUEUE} if queues else {}
