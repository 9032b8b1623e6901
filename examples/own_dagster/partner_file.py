"""A file that is sent to a partner by SFTP when a day of sales is published. See docs/your-own-dagster.md.

A corrected day is another file, by the hash of its content; one that is sent twice is the same file under the same name.
"""

import asyncio
import os
import tempfile
from pathlib import Path

import asyncssh
import dagster as dg

from tidegate.dagster import TidegateResource, daily_partitions, published_asset, when_published

# A partner that does not answer in this time fails the run, which is tried again.
SECONDS = 120


@dg.asset(partitions_def=daily_partitions(), deps=[published_asset("daily_sales")], group_name="own")
def partner_file(context: dg.AssetExecutionContext, tidegate: TidegateResource) -> dg.MaterializeResult[None]:
    """The sales of a day, as CSV, in the partner's folder."""
    (shown,) = tidegate.publications("daily_sales", context)
    name = f"daily_sales-{context.partition_key}-{shown.content_hash[:12]}.csv"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        tidegate.published("daily_sales", context).write_csv(str(file))
        asyncio.run(asyncio.wait_for(send(file), SECONDS))
    return dg.MaterializeResult(metadata={"file": name, "rows": shown.rows})


async def send(file: Path) -> None:
    """Put the file there whole, or raise: a run that fails is tried again, and sends the same file.

    It has its name only when all of it is there. What has that name has that content, so it is not sent again.
    """
    partner = asyncssh.connect(
        os.environ["PARTNER_SFTP_HOST"],
        port=int(os.environ.get("PARTNER_SFTP_PORT", "22")),
        username=os.environ["PARTNER_SFTP_USER"],
        client_keys=[os.environ["PARTNER_SFTP_KEY_FILE"]],
        # Who answers with another key than this file says is not the partner, and gets nothing.
        known_hosts=os.environ["PARTNER_SFTP_KNOWN_HOSTS"],
        config=None,
    )
    folder = os.environ.get("PARTNER_SFTP_FOLDER", ".")
    target, part = f"{folder}/{file.name}", f"{folder}/.{file.name}.part"
    async with partner as connection, connection.start_sftp_client() as sftp:
        if not await sftp.exists(target):
            await sftp.put(str(file), part)
            await sftp.rename(part, target)


defs = dg.Definitions(
    assets=[partner_file], sensors=[when_published("sales", run=partner_file, name="send_partner_file")]
)
