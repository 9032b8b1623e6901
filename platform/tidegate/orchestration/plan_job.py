"""The job that plans a change of logic, for whoever works in the UI: its result is a page, on the run and on each mart.

It applies nothing. A plan has a lease, and so have the days while they are built, so that neither another plan, nor a
run, nor `tidegate apply` is disturbed by it.
"""

import dagster as dg

from tidegate.asked_days import window_of
from tidegate.changes.plan import Planned, make_plan
from tidegate.changes.showing.markdown import as_markdown
from tidegate.changes.showing.sentences import next_step
from tidegate.home import Home
from tidegate.orchestration.asset_keys import serving_key
from tidegate.orchestration.failures import as_dagster_failure
from tidegate.orchestration.names import PLAN_JOB, PLAN_STEP

DAY = dg.Noneable(str)
CONFIG = {
    "from": dg.Field(DAY, default_value=None, description="Only partitions from this day on, as 2024-01-31."),
    "to": dg.Field(DAY, default_value=None, description="Only partitions up to this day."),
    "everything": dg.Field(bool, default_value=False, description="All that is published, whatever its logic."),
}


def build_plan_job(home: Home, tags: dict[str, str]) -> dg.JobDefinition:
    # In no pool: it may take hours, and production goes on meanwhile.
    @dg.op(
        name=PLAN_STEP,
        config_schema=CONFIG,
        description="Builds what the project's changed logic makes of what is published, beside it, tests it and "
        "compares both. The result is this step's metadata; nothing that is published changes.",
    )
    def plan(context: dg.OpExecutionContext) -> None:
        asked = context.op_config
        with as_dagster_failure(context):
            planned = make_plan(
                home,
                window_of(asked["from"], asked["to"]),
                everything=asked["everything"],
                on_chunk=lambda window: context.log.info(
                    f"Building {window.cadence.counted(len(window.days))} beside: {window}"
                ),
            )
        if planned and planned.failed:
            context.log.error(next_step(planned))
        context.add_output_metadata({"plan": dg.MetadataValue.md(as_markdown(planned))})
        for observation in _observations(planned):
            context.log_event(observation)

    @dg.job(
        name=PLAN_JOB,
        description="What a changed model or contract would do to what is published, before it does: tidegate plan.",
        tags=tags,
    )
    def plan_change() -> None:
        plan()

    return plan_change


def _observations(planned: Planned | None) -> list[dg.AssetObservation]:
    """The plan on the page of each mart that it is of."""
    if planned is None:
        return []
    page = dg.MetadataValue.md(as_markdown(planned))
    return [
        dg.AssetObservation(
            serving_key(mart.mart),
            description=f"Planned change {planned.plan.plan_id}: {len(mart.days):,} of {mart.partitions:,} differ.",
            metadata={"plan": page, "partitions": mart.partitions, "differ": len(mart.days), "new": mart.new},
        )
        for mart in planned.marts
    ]
