"""The client that this process speaks to S3 with. What is asked of S3 belongs to `storage.s3`."""

from __future__ import annotations

import os

from tidegate.addresses import holds_secret
from tidegate.errors import TidegateError
from tidegate.storage.s3 import S3Client
from tidegate.storage.s3_listing import read_listings_quickly

# Dagster's resource would ask five times; the client's own default is more than a sensor's tick should wait for.
ATTEMPTS = "3"


def new_s3_client() -> S3Client:
    """Endpoint, region and credentials as any AWS tool finds them, in the environment, a profile or a role.

    Raises TidegateError where what it finds cannot be.
    """
    # Two seconds to import, for those who speak to S3 only.
    from botocore.exceptions import BotoCoreError
    from dagster_aws.s3 import S3Resource

    try:
        client = S3Resource(
            # Unlike other AWS tools and DuckDB, boto3 does not know AWS_REGION, only AWS_DEFAULT_REGION.
            region_name=os.environ.get("AWS_REGION") or None,
            # What it hands on as attempts, the client takes for the ones after the first.
            max_attempts=int(os.environ.get("AWS_MAX_ATTEMPTS") or ATTEMPTS) - 1,
        ).get_client()
    except (BotoCoreError, ValueError) as error:
        # A profile that is not there, an address that is none.
        raise TidegateError(
            f"S3 cannot be spoken to: {error}. Nothing was changed. "
            "Fix AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL or AWS_MAX_ATTEMPTS."
        ) from error
    if holds_secret(client.meta.endpoint_url):
        raise TidegateError(
            "AWS_ENDPOINT_URL holds a user, a password or a token, which would show in logs. Nothing was changed. "
            "Take it out, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead."
        )
    read_listings_quickly(client)
    return client
