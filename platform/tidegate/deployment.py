"""What settings have to say of a deployment to many machines, which share PostgreSQL and S3."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

# `db:4266`, `[::1]:4266`.
CODE_SERVER = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):[1-9]\d{0,4}", re.ASCII)

# Celery's and Kubernetes' names may have more in them; these need no quoting anywhere.
QUEUE = re.compile(r"[A-Za-z0-9][\w.-]{0,62}", re.ASCII)

# The queue of runs that need nothing special, as dagster-celery has it.
DEFAULT_QUEUE = "dagster"

# What dagster.yaml of a deployment refers to: the broker, and what the launcher says of a run's pod.
_OF_PODS = ("IMAGE", "NAMESPACE", "SERVICE_ACCOUNT", "CONFIG_MAP", "ENVIRONMENT", "SECRET")
NEEDS = {
    "local": (),
    "celery": ("REDIS_URL",),
    "kubernetes": tuple(f"TIDEGATE_POD_{name}" for name in _OF_PODS),
}


def queues_of(written: str, workers: int) -> dict[str, int]:
    """Of `large=2,gpu=1`, how many processes of workers take runs from each queue, and from the one of all other runs
    the rest of `workers`; empty where nothing is written. Raises ValueError."""
    queues: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in written.split(","))):
        name, _, count = part.partition("=")
        if not QUEUE.fullmatch(name) or not re.fullmatch(r"[1-9]\d{0,3}", count, re.ASCII):
            raise ValueError(f"has {part!r}, which is not <queue>=<number of processes>, as in `large=2,gpu=1`")
        if name == DEFAULT_QUEUE or name in queues:
            raise ValueError(f"names the queue {name!r} twice: {DEFAULT_QUEUE!r} is that of all other runs")
        queues[name] = int(count)
    rest = workers - sum(queues.values())
    if queues and rest < 1:
        raise ValueError(
            f"gives {sum(queues.values())} processes to queues of their own, and TIDEGATE_WORKERS has {workers} in "
            f"all: none is left for other runs. Raise it to {sum(queues.values()) + 1} or more"
        )
    return {**queues, DEFAULT_QUEUE: rest} if queues else {}


def refuse_unshared(given: Mapping[str, Any]) -> None:
    """Of settings by their names, raise ValueError for all places that only one machine would see, and for what else a
    deployment to many machines has to say."""
    in_s3 = ("lake_data", "outputs", "step_logs")
    in_a_store = ("landing", "archive")
    wrong = [
        *(f"TIDEGATE_{name.upper()} (s3://…)" for name in in_s3 if not given[name].startswith("s3://")),
        *(f"TIDEGATE_{name.upper()} (s3://…)" for name in in_a_store if "://" not in given[name]),
        *(
            f"TIDEGATE_{name.upper()} (postgres:host=… dbname=… user=…)"
            for name in ("lake_catalog", "dagster_database")
            if not given[name].startswith("postgres:")
        ),
        *([] if CODE_SERVER.fullmatch(given["code_server"]) else ["TIDEGATE_CODE_SERVER (<host>:<port>)"]),
        *(f"{name} in the environment" for name in NEEDS[given["deployment"]] if not os.environ.get(name)),
    ]
    if wrong:
        raise ValueError(
            f"TIDEGATE_DEPLOYMENT={given['deployment']} runs on machines that share PostgreSQL and S3, and these are "
            f"missing or are of one machine: {', '.join(wrong)}. Nothing was changed. Set them, or "
            "TIDEGATE_DEPLOYMENT=local."
        )
