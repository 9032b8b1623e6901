"""What a source or product needs of a machine: what may be written, and what a run of several needs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tidegate.deployment import queues_of
from tidegate.errors import TidegateError
from tidegate.needs import Needs, UnusableNeedError, of_one_run, read_need


@pytest.mark.parametrize(
    ("name", "written", "read"),
    [
        ("cpu", 2, Needs(cpu=Decimal(2))),
        ("cpu", 0.5, Needs(cpu=Decimal("0.5"))),
        ("cpu", "500m", Needs(cpu=Decimal("0.5"))),
        ("memory", "4Gi", Needs(memory=4096)),
        ("memory", "512Mi", Needs(memory=512)),
        ("image", "registry.example.com:5000/shop:1.2", Needs(image="registry.example.com:5000/shop:1.2")),
        ("queue", "large", Needs(queue="large")),
    ],
)
def test_what_may_be_written(name: str, written: object, read: Needs) -> None:
    assert read_need(name, written) == read


@pytest.mark.parametrize(
    ("name", "written"),
    [
        *[("cpu", wrong) for wrong in (0, -1, True, None, "", "two", "nan", "inf", "0.0001", "1e9", [2], "٢", "2 ")],
        *[("memory", wrong) for wrong in (4, True, None, "", "4", "4GB", "4 Gi", "1Mi", "-4Gi", "99999999Gi", "٤Gi")],
        *[("image", wrong) for wrong in (1, None, "", " shop", "shop image", "shop\n", "s" * 300, "$(reboot)")],
        *[("queue", wrong) for wrong in (1, None, "", "a b", "a,b", "a=1", "größe", "q" * 64, "-q", "q\n")],
    ],
)
def test_what_may_not_be_written_is_named_with_what_may(name: str, written: object) -> None:
    with pytest.raises(UnusableNeedError, match=r".") as refused:
        read_need(name, written)
    assert repr(written) in refused.value.what or f"{written} of memory" in refused.value.what
    assert refused.value.instead.startswith("write ")


def test_a_run_of_several_needs_the_most_and_what_is_named() -> None:
    run = of_one_run(
        "daily",
        {
            "the source orders": Needs(cpu=Decimal(2), memory=1024),
            "the source customers": Needs(memory=4096, queue="large"),
            "the product sales": Needs(cpu=Decimal("0.5"), queue="large", image="shop:1"),
        },
    )
    assert run == Needs(Decimal(2), 4096, "shop:1", "large")
    assert of_one_run("daily", {}) == Needs()


@pytest.mark.parametrize("name", ["image", "queue"])
def test_a_run_cannot_have_two_images_or_queues(name: str) -> None:
    needs = {"the source orders": read_need(name, "a"), "the product sales": read_need(name, "b")}
    with pytest.raises(TidegateError, match=f"daily has one {name}, and the source orders names 'a' and the product"):
        of_one_run("daily", needs)


def test_queues_share_the_workers() -> None:
    assert queues_of("", 1) == {}
    assert queues_of(" large=2, gpu=1 ", 4) == {"large": 2, "gpu": 1, "dagster": 1}


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("large", "<queue>=<number"),
        ("large=0", "<queue>=<number"),
        ("large=two", "<queue>=<number"),
        ("=1", "<queue>=<number"),
        ("large=1,large=1", "twice"),
        ("dagster=1", "twice"),
        ("large=2,gpu=2", "none is left for other runs. Raise it to 5"),
    ],
)
def test_queues_that_cannot_be_are_refused(written: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        queues_of(written, 4)
