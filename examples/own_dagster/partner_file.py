"""A file that is sent to a partner when a day of sales is published. See docs/your-own-dagster.md.

A corrected day is another file, by the hash of its content; one that is sent twice is the same file under the same name.
"""

import os
import tempfile
from pathlib import Path

import dagster as dg
import httpx

from tidegate.dagster import TidegateResource, daily_partitions, published_asset, when_published


@dg.asset(partitions_def=daily_partitions(), deps=[published_asset("daily_sales")], group_name="own")
def partner_file(context: dg.AssetExecutionContext, tidegate: TidegateResource) -> dg.MaterializeResult[None]:
    """The sales of a day, as CSV, in the partner's folder."""
    (shown,) = tidegate.publications("daily_sales", context)
    name = f"daily_sales-{context.partition_key}-{shown.content_hash[:12]}.csv"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        tidegate.published("daily_sales", context).write_csv(str(file))
        send(name, file.read_bytes())
    return dg.MaterializeResult(metadata={"file": name, "rows": shown.rows})


def send(name: str, content: bytes) -> None:
    """Put the file there whole, or raise: a run that fails is tried again, and sends the same file."""
    url = f"{os.environ['PARTNER_FOLDER_URL'].rstrip('/')}/{name}"
    httpx.put(url, content=content, headers={"Content-Type": "text/csv"}, timeout=60).raise_for_status()


defs = dg.Definitions(
    assets=[partner_file], sensors=[when_published("sales", run=partner_file, name="send_partner_file")]
)
