"""What settings have to say of a deployment to many machines, which share PostgreSQL and S3."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

# `db:4266`, `[::1]:4266`.
CODE_SERVER = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):[1-9]\d{0,4}", re.ASCII)

# What dagster.yaml of a deployment refers to: the broker, and what the launcher says of a run's pod.
_OF_PODS = ("IMAGE", "NAMESPACE", "SERVICE_ACCOUNT", "CONFIG_MAP", "ENVIRONMENT", "SECRET")
NEEDS = {
    "local": (),
    "celery": ("REDIS_URL",),
    "kubernetes": tuple(f"TIDEGATE_POD_{name}" for name in _OF_PODS),
}


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
