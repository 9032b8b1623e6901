"""Why a day may not be published, in plain sentences: from what the ledger says of it, and what must hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tidegate.ledger.interim import INTERIM
from tidegate.ledger.names import raw_asset, raw_table
from tidegate.ledger.required import WITHDRAWN
from tidegate.publishing.day_entries import BuildEntry, CheckEntry, DayEntries, DeliveryEntry, sentence
from tidegate.publishing.requirements import GateRequirements


def reasons_of(day: DayEntries, required: GateRequirements) -> Iterator[str]:
    lacking = list(_delivery_reasons(day, required))
    yield from lacking
    # What was never built for want of a delivery, or not checked for want of a model, needs no sentence beside it.
    unbuilt = list(_build_reasons(day, required, names_unbuilt=not lacking))
    yield from unbuilt
    yield from _check_reasons(day, required, names_unchecked=not unbuilt)


def _delivery_reasons(day: DayEntries, required: GateRequirements) -> Iterator[str]:
    expected = required.are_required_on(day.day)
    if required.deliveries and not expected:
        yield f"{day.day}: no source delivers on this day, as the contracts say. Nothing is published for it."
    for source, region in sorted(required.deliveries):
        delivery = day.deliveries.get((source, region))
        if delivery is None or delivery.verdict == WITHDRAWN:
            if (source, region) in expected and day.waits_for(source, region, required):
                yield _missing(day, source, region)
        elif delivery.verdict == INTERIM:
            yield (
                f"{source}/{region} {day.day}: read last before the day had ended, so the rest of it is missing. Its "
                "sensor reads it again; or run the day."
            )
        elif delivery.verdict != "accepted":
            yield sentence(delivery.reason or f"{source}/{region} {day.day} was rejected; no reason was recorded")


def _missing(day: DayEntries, source: str, region: str) -> str:
    why = f"{source}/{region} {day.day}: no delivery was loaded. Once it has landed, run the day."
    if others := [name for name in day.withdrawn(source) if name != region]:
        why += (
            f" The day was published with {source}/{', '.join(others)}, which the contract no longer has. "
            f"If {region} came later and replaces nothing, write its `firstDay` in the contract."
        )
    return why


def _build_reasons(day: DayEntries, required: GateRequirements, *, names_unbuilt: bool) -> Iterator[str]:
    never = sorted(model for model in required.models if model not in day.builds)
    if names_unbuilt and never and not day.shows_newest_of(required.marts):
        yield f"{_names(never)} {day.day}: never built. Run the day."
    for build, models in _unfinished_builds(day, required).items():
        who = f"{_names(models)} {day.day}: build {build.build_id} of run {build.run_id}"
        if build.status == "building":
            yield (
                f"{who} began at {build.started_at:%Y-%m-%d %H:%M:%S} UTC and has not finished. "
                "Let it end or, if it died, run the day again."
            )
        elif build.status == "interrupted":
            yield " ".join((f"{who} was interrupted.", *_why(build, models), "Run the day again."))
        else:
            yield " ".join((f"{who} failed.", *_why(build, models), "Fix it and run the day again."))


def _why(build: BuildEntry, models: Iterable[str]) -> list[str]:
    return build.said_of(models) or ["See why in that run's log."]


def _unfinished_builds(day: DayEntries, required: GateRequirements) -> dict[BuildEntry, list[str]]:
    found: dict[BuildEntry, list[str]] = {}
    for model in sorted(required.models & day.builds.keys()):
        build = day.builds[model]
        if build.status != "built":
            found.setdefault(build, []).append(model)
    return found


def _check_reasons(day: DayEntries, required: GateRequirements, *, names_unchecked: bool) -> Iterator[str]:
    places = raw_assets(required)
    for asset, check_name in sorted(required.blocking_checks):
        delivery = day.deliveries.get(places[asset]) if asset in places else None
        build = _newest_build_of(day, asset, required)
        if _is_reported_already(asset, asset in places, delivery, build, required):
            continue
        check = day.checks.get((asset, check_name))
        who = f"{asset} {day.day}: the check {check_name}"
        if check is not None and _saw_the_newest(day, check, delivery, build):
            if not check.passed:
                yield f"{who} failed: {sentence(check.observed)} {check.description or ''}".rstrip()
        elif not names_unchecked and asset not in places:
            continue
        elif check is not None:
            yield f"{who} has not run on what is there now, only on an earlier version. Run the day again."
        elif not day.shows_newest_of(required.marts):
            yield f"{who} has not run. Run the day again."


def raw_assets(required: GateRequirements) -> dict[str, tuple[str, str]]:
    """Which delivery a raw asset is: `raw/orders/eu-west`, or `raw/customers` where there is one region."""
    regions: dict[str, list[str]] = {}
    for source, region in required.deliveries:
        regions.setdefault(source, []).append(region)
    single = {raw_table(source): (source, names[0]) for source, names in regions.items() if len(names) == 1}
    return single | {raw_asset(source, region): (source, region) for source, region in required.deliveries}


def _is_reported_already(
    asset: str, is_raw: bool, delivery: DeliveryEntry | None, build: BuildEntry | None, required: GateRequirements
) -> bool:
    """Whether the gate is closed, and says so, for want of what this check is about."""
    if is_raw:
        return delivery is None or delivery.verdict != "accepted"
    return _model(asset) in required.models and (build is None or build.status != "built")


def _saw_the_newest(
    day: DayEntries, check: CheckEntry, delivery: DeliveryEntry | None, build: BuildEntry | None
) -> bool:
    """Whether the check saw the newest delivery or the newest build of its asset.

    A later build that left the asset alone and ran the check counts: it saw the same rows.
    """
    if delivery is not None and check.subject == delivery.fingerprint:
        return True
    return build is not None and day.entries.get(check.subject, -1) >= build.entry


def _newest_build_of(day: DayEntries, asset: str, required: GateRequirements) -> BuildEntry | None:
    """The newest build of the asset's model; of any required model when it is none, as a source's test is."""
    model = _model(asset)
    if model in day.builds or model in required.models:
        return day.builds.get(model)
    builds = [day.builds[name] for name in required.models & day.builds.keys()]
    return max(builds, key=lambda build: build.entry, default=None)


def _model(asset: str) -> str:
    return asset.rpartition("/")[2]


def _names(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more models"
