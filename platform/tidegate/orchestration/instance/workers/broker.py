"""What the launcher and the workers agree on: the task, its queue, and how long each waits for the broker."""

from __future__ import annotations

import celery.exceptions
import kombu.exceptions
import redis.exceptions

# What its clients raise when it cannot be reached, each its own.
BROKER_TROUBLE = (
    OSError,
    celery.exceptions.OperationalError,
    kombu.exceptions.OperationalError,
    redis.exceptions.RedisError,
)

EXECUTE_RUN = "tidegate.execute_run"
QUEUE = "dagster"

# A result is only kept of a run whose process died.
RESULT_SECONDS = 24 * 3600

# A broker that restarts is back within this; the daemon launches nothing else meanwhile.
RETRY_LAUNCH = {"max_retries": 60, "interval_start": 0.2, "interval_step": 0.2, "interval_max": 1.0}

# Neither end of a connection hears when the network between them is cut.
_TRANSPORT = {
    "socket_keepalive": True,
    "socket_connect_timeout": 5,
    "socket_timeout": 20,
    "health_check_interval": 10,
    # A task is acknowledged when its worker takes it, so that nobody executes a run a second time.
    "visibility_timeout": 3600,
    "max_retries": 3,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.5,
}

SETTINGS: dict[str, object] = {
    "broker_transport_options": _TRANSPORT,
    "broker_connection_retry_on_startup": True,
    # A worker waits for its broker for as long as it takes.
    "broker_connection_max_retries": None,
    "redis_socket_keepalive": True,
    "redis_socket_connect_timeout": 5,
    "redis_socket_timeout": 20,
    "redis_backend_health_check_interval": 10,
    "redis_retry_on_timeout": True,
    "result_expires": RESULT_SECONDS,
    # What only a hint of Dagster's event log would be.
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": True,
    "task_acks_late": False,
    "task_default_queue": QUEUE,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
}
