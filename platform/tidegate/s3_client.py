"""The client that this process speaks to S3 with. What is asked of S3 is `s3`'s knowledge."""

from __future__ import annotations

import os

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from tidegate.errors import TidegateError
from tidegate.s3 import S3Client
from tidegate.s3_listing import read_listings_quickly

# With the client's three attempts a server that cannot be reached is told of before a sensor's tick gives up (40 s).
CONNECT_SECONDS = 10

# S3 may be silent for as long while it copies gigabytes.
READ_SECONDS = 60


def new_s3_client() -> S3Client:
    """Endpoint, region, credentials and retries as any AWS tool finds them, in the environment, a profile or a role.

    Raises TidegateError where what it finds cannot be.
    """
    # Retries are not set here, where they would overrule AWS_RETRY_MODE and AWS_MAX_ATTEMPTS.
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
    try:
        # Unlike other AWS tools and DuckDB, boto3 does not know AWS_REGION, only AWS_DEFAULT_REGION.
        client = boto3.session.Session().client("s3", config=config, region_name=os.environ.get("AWS_REGION") or None)
    except (BotoCoreError, ValueError) as error:
        # A profile that is not there, an address that is none.
        raise TidegateError(
            f"S3 cannot be spoken to: {error}. Nothing was changed. Mend AWS_PROFILE, AWS_REGION or AWS_ENDPOINT_URL."
        ) from error
    read_listings_quickly(client)
    return client
