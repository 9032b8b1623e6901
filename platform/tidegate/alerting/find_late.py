"""What has not come in time: deliveries past their contract's deadline, and products past theirs."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator

from tidegate.alerting.scene import Scene
from tidegate.alerting.trouble import Kind, Trouble
from tidegate.contract.model import Contract
from tidegate.ledger.known import days_lacking, still_awaited
from tidegate.ledger.names import Partition
from tidegate.publishing.promises import Overdue, overdue_partition
from tidegate.window import ONE_DAY, Window, windows_of


def deliveries_late(scene: Scene) -> Iterator[Trouble]:
    """Deliveries that have not come by their contract's deadline, by source. Of one that fails, the failure is it."""
    for source, contract in sorted(scene.home.contracts.items()):
        if contract.published_by is None or source in scene.operations.sources:
            continue
        late = _late(scene, contract)
        if not late:
            continue
        days = {each.day for each in late}
        yield scene.trouble(
            Kind.late,
            source,
            f"{source} has not delivered {_by_region(late)} by {contract.published_by:%H:%M} ({contract.zone.name}) of "
            "the day after.",
            f"Ask the owner of the source{f', {contract.owner}' if contract.owner else ''}. Once it is there it is "
            "loaded and published automatically.",
            products=scene.products_of_source(source),
            source=source,
            partitions=days,
        )


def _late(scene: Scene, contract: Contract) -> list[Partition]:
    days = [day for day in _expected_days(scene, contract) if (due := contract.deadline(day)) and due <= scene.now]
    wanted = [Partition(region.name, day) for day in days for region in contract.regions if day in region.delivers_on]
    products = scene.home.products_made_of(contract.source)
    return still_awaited(scene.con, contract.source, wanted, products.beside if products else ())


def _expected_days(scene: Scene, contract: Contract) -> list[dt.date]:
    """The newest ended days, and older ones that something was delivered for."""
    settings = scene.home.settings
    today = settings.zone.day_of(scene.now)
    first = max(settings.start_date, today - ONE_DAY * settings.look_back_days)
    newest = Window(min(first, today), today).days
    products = scene.home.products_made_of(contract.source)
    if products is None:
        return newest
    lacking = days_lacking(
        scene.con,
        contract.source,
        products.deliveries,
        products.delivery_days,
        settings.chunk_days,
        products.beside,
    )
    return sorted({*newest, *(day for day in lacking if settings.start_date <= day < today)})


def _by_region(late: list[Partition]) -> str:
    """The regions with their days; those that lack the same are named together."""
    days: dict[str, list[dt.date]] = defaultdict(list)
    for each in late:
        days[each.region].append(each.day)
    regions: dict[tuple[dt.date, ...], list[str]] = defaultdict(list)
    for region, of_region in days.items():
        regions[tuple(of_region)].append(region)
    return "; ".join(f"{', '.join(names)} {', '.join(map(str, windows_of(of)))}" for of, names in regions.items())


def products_overdue(scene: Scene) -> Iterator[Trouble]:
    """Products whose newest partition is not published though its deadline has passed."""
    zone = scene.home.settings.zone
    for product in scene.products:
        overdue = overdue_partition(scene.con, product, zone, scene.now)
        if overdue is None:
            continue
        is_pending = overdue.partition in scene.worked_on(product)
        yield scene.trouble(
            Kind.overdue,
            f"{product.product}/{product.cadence}",
            _sentence(scene, product.product, overdue),
            "See what it waits for: tidegate status",
            products=[product.product],
            partitions=[] if is_pending else [overdue.partition],
            pending=[overdue.partition] if is_pending else [],
        )


def _sentence(scene: Scene, product: str, overdue: Overdue) -> str:
    zone = scene.home.settings.zone
    due = f"{zone.shown_at(overdue.deadline):%Y-%m-%d %H:%M} ({zone.name})"
    return f"{product} has not published the {overdue.cadence.singular} {overdue.partition}, promised by {due}."
