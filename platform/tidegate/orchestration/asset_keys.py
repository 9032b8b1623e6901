"""Dagster's keys of the assets of sources and of published marts. Sources' names as plain strings stand in `names` and
`ledger.names`."""

from __future__ import annotations

import dagster as dg

from tidegate.ledger.names import raw_asset
from tidegate.orchestration.names import source_path


def source_key(source: str) -> dg.AssetKey:
    """The source itself, outside of Tidegate: what is known of its health hangs on this asset."""
    return dg.AssetKey(source_path(source))


def raw_key(source: str, region: str) -> dg.AssetKey:
    return dg.AssetKey.from_user_string(raw_asset(source, region))


def serving_key(mart: str) -> dg.AssetKey:
    return dg.AssetKey(["serving", mart])
