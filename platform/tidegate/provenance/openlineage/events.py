"""Events of OpenLineage for a run: what it read, what it wrote, how it ended.

The run as a whole is one job; what it did to each table of `raw` and `serving` is a job of its own below it, so that a
catalogue shows which table is made of which. The events of a run are the same whenever they are made, and so are their
ids: a receiver that gets one twice knows it. Facets: https://openlineage.io/docs/spec/facets.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    DatasetFacet,
    JobFacet,
    RunFacet,
    dataset_version_dataset,
    job_type_job,
    nominal_time_run,
    output_statistics_output_dataset,
    parent_run,
    schema_dataset,
)

from tidegate.addresses import without_secrets
from tidegate.home import Home
from tidegate.ledger.runs import PipelineRun
from tidegate.provenance.openlineage.unreported import Written
from tidegate.transform.parsed.members import RAW, SERVING, Model
from tidegate.window import ONE_DAY

PRODUCER = "https://pypi.org/project/tidegate"

# How Dagster's words for the end of a run are called there.
ENDS = {"success": RunState.COMPLETE, "failure": RunState.FAIL, "canceled": RunState.ABORT}


class Lineage:
    """Makes the events of one home's runs."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._jobs = home.settings.openlineage_namespace
        self._lake = _as_namespace(home.settings.lake_data)
        self._landing = _as_namespace(home.settings.landing)

    def events_of(self, run: PipelineRun, written: Sequence[Written]) -> Iterator[RunEvent]:
        """A start and an end of the run, and of what it did to each table."""
        yield from self._start_and_end(run, run.run_id, self._job(run.job, "RUN"), self._times(run))
        parent = parent_run.ParentRunFacet(
            run=parent_run.Run(run.run_id), job=parent_run.Job(self._jobs, run.job), producer=PRODUCER
        )
        for table in written:
            job = self._job(f"{run.job}.{table.schema}.{table.name}", "TASK")
            run_id = str(uuid.uuid5(uuid.UUID(run.run_id), job.name))
            facets = {**self._times(run), "parent": parent}
            yield from self._start_and_end(run, run_id, job, facets, self._read(table), [self._output(table)])

    def _start_and_end(
        self,
        run: PipelineRun,
        run_id: str,
        job: Job,
        facets: Mapping[str, RunFacet],
        inputs: Sequence[InputDataset] = (),
        outputs: Sequence[OutputDataset] = (),
    ) -> Iterator[RunEvent]:
        for state, at in ((RunState.START, run.started_at), (ENDS[run.status], run.finished_at or run.started_at)):
            yield RunEvent(
                eventTime=_as_utc(at),
                producer=PRODUCER,
                run=Run(run_id, facets=dict(facets)),
                job=job,
                eventType=state,
                inputs=list(inputs),
                outputs=list(outputs),
            )

    def _job(self, name: str, kind: str) -> Job:
        facets: dict[str, JobFacet] = {
            "jobType": job_type_job.JobTypeJobFacet("BATCH", "TIDEGATE", jobType=kind, producer=PRODUCER)
        }
        return Job(self._jobs, name, facets=facets)

    def _times(self, run: PipelineRun) -> dict[str, RunFacet]:
        """The partitions that the run was for, in the platform's time zone."""
        if run.partition_from is None or run.partition_to is None:
            return {}
        zone = self._home.settings.zone
        first, end = zone.at(run.partition_from), zone.at(run.partition_to + ONE_DAY)
        return {
            "nominalTime": nominal_time_run.NominalTimeRunFacet(first.isoformat(), end.isoformat(), producer=PRODUCER)
        }

    def _read(self, table: Written) -> list[InputDataset]:
        if table.schema == RAW:
            return [InputDataset(self._landing, f"{table.name}/{region}") for region in table.regions]
        return [InputDataset(self._lake, f"{each.schema}.{each.name}") for each in self._tables_behind(table.name)]

    def _tables_behind(self, mart: str) -> list[Model]:
        """What a mart is made of: tables of `raw`, and other marts as they are published or built beside it."""
        graph = self._home.graph
        found: dict[str, Model] = {}
        marts = (model for model in graph.models.values() if model.is_mart and model.name == mart)
        waiting = [parent for model in marts for parent in model.parents]
        while waiting:
            unique_id = waiting.pop()
            table = graph.tables[unique_id]
            if table.schema in (RAW, SERVING) or table.is_mart:
                found[unique_id] = table
            else:
                waiting += table.parents
        return sorted(found.values(), key=lambda each: (each.schema, each.name))

    def _output(self, table: Written) -> OutputDataset:
        statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=table.rows, producer=PRODUCER
        )
        return OutputDataset(
            self._lake,
            f"{table.schema}.{table.name}",
            facets=dict(self._facets(table)),
            outputFacets={"outputStatistics": statistics},
        )

    def _facets(self, table: Written) -> Iterator[tuple[str, DatasetFacet]]:
        fields = [schema_dataset.SchemaDatasetFacetFields(name, type=kind) for name, kind in self._columns(table)]
        if fields:
            yield "schema", schema_dataset.SchemaDatasetFacet(fields=fields, producer=PRODUCER)
        if table.version:
            yield "version", dataset_version_dataset.DatasetVersionDatasetFacet(table.version, producer=PRODUCER)

    def _columns(self, table: Written) -> list[tuple[str, str]]:
        """Those of a source's contract, or of a mart's YAML; none of one that the project has no more."""
        if table.schema == RAW:
            contract = self._home.contracts.get(table.name)
            return [(column.name, column.sql_type) for column in contract.columns] if contract else []
        published = [each for each in self._home.graph.published.values() if each.name == table.name]
        return [pair for mart in published for pair in mart.columns.items()]


def _as_namespace(place: str) -> str:
    """A folder or URL as the standard names where datasets are."""
    return without_secrets(place if "://" in place else Path(place).absolute().as_uri())


def _as_utc(moment: dt.datetime) -> str:
    return moment.replace(tzinfo=dt.UTC).isoformat()
