"""What dagster.yaml says for a deployment to many machines, beside what it says for one.

Plain values, made from settings. Nothing of Dagster's, Celery's or Kubernetes' is imported. No secret is among them:
PostgreSQL's client finds its password itself, and the broker's address is a reference to the environment.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit

from tidegate.addresses import libpq_settings, secrets_of
from tidegate.deployment import queues_of
from tidegate.errors import TidegateError
from tidegate.lake.catalogs.connections import KEEPALIVES
from tidegate.orchestration.instance.dagster_home import RECORD_MODULE, SHARED_LAUNCHERS
from tidegate.orchestration.names import LAKE_POOL, QUEUE_TAG
from tidegate.settings import Settings

# A worker that is gone is noticed after some of these.
POLL_SECONDS = 10

# Runs are handed out only while a worker is free, and its children have imported everything: a run that has not begun
# after this time was lost on its way.
START_SECONDS = 180

# SQLAlchemy's default driver of `postgresql://` is psycopg 3, and dagster-postgres brings psycopg2.
SCHEME = "postgresql+psycopg2"


def shared_config(settings: Settings) -> dict[str, object]:
    """What differs from an instance of one machine: storage and logs that are shared, who runs runs, and how many."""
    return {
        "storage": {
            "custom": {
                "module": RECORD_MODULE,
                "class": "PooledPostgresStorage",
                "config": {"postgres_url": _sqlalchemy_url(settings.dagster_database)},
            }
        },
        "run_launcher": _launcher(settings),
        "compute_logs": _compute_logs(settings),
        "concurrency": {
            "runs": {"max_concurrent_runs": settings.workers, **_limits_of_queues(settings)},
            # Beside the pools that `pools_of` names, one run at a time for each kind of server outside.
            "pools": {"default_limit": 1, "granularity": "run"},
        },
        "run_monitoring": {
            "enabled": True,
            "max_runtime_seconds": settings.run_limit_minutes * 60,
            "start_timeout_seconds": START_SECONDS if settings.deployment == "celery" else 600,
            "cancel_timeout_seconds": 180,
            "poll_interval_seconds": POLL_SECONDS,
            # A run that is started again from its middle is not what Tidegate's runs are: its sensors ask again.
            "max_resume_run_attempts": 0,
        },
    }


def pools_of(settings: Settings) -> dict[str, int]:
    """How many runs at once may use what is shared by all of them: as many as there are workers."""
    return dict.fromkeys((LAKE_POOL, "s3"), settings.workers)


def _limits_of_queues(settings: Settings) -> dict[str, object]:
    """As many runs of a queue at once as processes take runs from it: one that waits for a worker is taken for lost."""
    queues = queues_of(settings.queues, settings.workers) if settings.deployment == "celery" else {}
    limits = [{"key": QUEUE_TAG, "value": name, "limit": count} for name, count in queues.items()]
    return {"tag_concurrency_limits": limits} if limits else {}


def _launcher(settings: Settings) -> dict[str, object]:
    if settings.deployment == "celery":
        broker = {"env": "REDIS_URL"}
        config: dict[str, object] = {"broker": broker, "backend": broker}
        return {"module": SHARED_LAUNCHERS["celery"], "class": "WatchfulCeleryRunLauncher", "config": config}
    config = {
        "job_image": {"env": "TIDEGATE_POD_IMAGE"},
        "job_namespace": {"env": "TIDEGATE_POD_NAMESPACE"},
        "service_account_name": {"env": "TIDEGATE_POD_SERVICE_ACCOUNT"},
        "instance_config_map": {"env": "TIDEGATE_POD_CONFIG_MAP"},
        "dagster_home": str(settings.dagster_home),
        "env_config_maps": [{"env": "TIDEGATE_POD_ENVIRONMENT"}],
        "env_secrets": [{"env": "TIDEGATE_POD_SECRET"}],
        "fail_pod_on_run_failure": False,
    }
    return {"module": SHARED_LAUNCHERS["kubernetes"], "class": "PodRunLauncher", "config": config}


def _compute_logs(settings: Settings) -> dict[str, object]:
    place = urlsplit(settings.step_logs)
    config = {
        "bucket": place.netloc,
        "prefix": place.path.strip("/") or "step-logs",
        "skip_empty_files": True,
    }
    return {"module": "dagster_aws.s3.compute_log_manager", "class": "S3ComputeLogManager", "config": config}


def _sqlalchemy_url(database: str) -> str:
    """A database's address as SQLAlchemy takes it. What it does not say, libpq finds where it always does."""
    try:
        given = libpq_settings(database.removeprefix("postgres:"))
    except ValueError:
        raise TidegateError(
            "TIDEGATE_DAGSTER_DATABASE is neither `postgres:host=db dbname=dagster user=tidegate` nor "
            "`postgres:postgresql://tidegate@db/dagster`. It is not shown, as it may hold a password. Nothing was "
            "changed. Correct it."
        ) from None
    if any(secrets_of(given)):
        raise TidegateError(
            "TIDEGATE_DAGSTER_DATABASE holds a password, which would stand in dagster.yaml. Nothing was changed. Take "
            "it out, and set PGPASSWORD or write it into a pgpass file instead."
        )
    name = given.pop("dbname", "")
    return f"{SCHEME}:///{quote(name, safe='')}?{urlencode({**KEEPALIVES, **given}, quote_via=quote)}"
