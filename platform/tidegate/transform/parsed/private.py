"""Names of dbt: what each is for here, and why no public name serves.

Only this module imports dbt, beside `lake_plugin`, which is written as dbt-duckdb documents its plugins. dbt documents
`dbtRunner` and the type of its events; of the others no public name is known. A test imports them all and checks what
is relied on, so an upgrade that moves one fails there first. dbt takes a second to import, so each is imported when it
is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg as DbtEvent
else:
    # dbt's own types, for annotations only.
    Manifest = DbtEvent = Any

__all__ = ["DbtEvent", "Manifest", "call_dbt", "is_of_dbt", "manifest_of", "moved"]


def call_dbt(
    arguments: Sequence[str], manifest: Manifest | None = None, on_event: Callable[[DbtEvent], None] | None = None
) -> dbtRunnerResult:
    """Call dbt inside this process. With `manifest`, which it changes, it does not parse the project."""
    from dbt.cli.main import dbtRunner

    return dbtRunner(manifest, callbacks=[on_event] if on_event else []).invoke([*arguments])


def manifest_of(partial_parse: bytes) -> Manifest:
    """The manifest that dbt wrote as partial_parse.msgpack, as its runner takes it; from its documented form, the JSON,
    dbt does not read one back."""
    from dbt.contracts.graph.manifest import Manifest

    manifest = Manifest.from_msgpack(partial_parse)
    # dbt does this after parsing; macros read it as `graph`.
    manifest.build_flat_graph()  # type: ignore[no-untyped-call]
    return manifest


def moved(manifest: Manifest, unique_ids: AbstractSet[str], prefix: str) -> Manifest:
    """The manifest, changed: those of its nodes and sources among these are in schemas whose names begin so."""
    for nodes in (manifest.nodes, manifest.sources):
        for unique_id in unique_ids & nodes.keys():
            # dbt names a relation by its schema; the name is for its messages.
            nodes[unique_id].schema = prefix + nodes[unique_id].schema
            nodes[unique_id].relation_name = None
    # Macros read it as `graph`.
    manifest.build_flat_graph()  # type: ignore[no-untyped-call]
    return manifest


def is_of_dbt(error: BaseException) -> bool:
    """Whether dbt itself raised the error, to say what is wrong with the project; any other is a bug."""
    from dbt_common.exceptions import DbtBaseException

    return isinstance(error, DbtBaseException)
