"""A product's owner, deadline and alert channel are read from its dbt group, and a group that is wrong says where."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from tidegate.errors import TidegateError
from tidegate.needs import Needs
from tidegate.publishing.promises import Owner, Promise
from tidegate.transform.parsed.groups import promises_of

OWNER = {"name": "Sales platform", "email": "sales@example.com"}


def manifest(meta: object = None, owner: dict[str, Any] | None = None) -> dict[str, Any]:
    group = {
        "resource_type": "group",
        "name": "sales",
        "original_file_path": "models/products.yml",
        "owner": owner or OWNER,
        "config": {"meta": {"tidegate": meta} if meta is not None else {}},
    }
    return {"groups": {"group.shop.sales": group}}


def test_a_group_says_who_owns_a_product_and_by_when_it_is_published() -> None:
    meta = {"deadline": "08:00", "alert_channel": "#sales"}
    owner = Owner("Sales platform", ("sales@example.com",))
    assert promises_of(manifest(meta)) == {"sales": Promise(owner, dt.time(8), "#sales")}
    assert promises_of(manifest({"cpu": 2, "memory": "4Gi"})) == {
        "sales": Promise(owner, needs=Needs(cpu=Decimal(2), memory=4096))
    }
    assert promises_of(manifest()) == {"sales": Promise(owner)}
    assert promises_of({}) == {}


@pytest.mark.parametrize(
    ("owner", "shown"),
    [
        (OWNER, "Sales platform (sales@example.com)"),
        ({"name": "Sales platform"}, "Sales platform"),
        ({"email": ["a@example.com", "b@example.com"]}, "a@example.com, b@example.com"),
    ],
)
def test_an_owner_has_a_name_or_addresses(owner: dict[str, Any], shown: str) -> None:
    assert str(promises_of(manifest(owner=owner))["sales"].owner) == shown


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"meta": {"dedline": "08:00"}}, "has 'dedline' under meta.tidegate.* Write deadline"),
        ({"meta": {"colour": "red"}}, "has 'colour' under meta.tidegate.* Write one of alert_channel, deadline"),
        ({"meta": ["deadline"]}, r"has \['deadline'\] as meta.tidegate.* Write keys and values"),
        (
            {"meta": {"deadline": 630}},
            'has the deadline 630, which is not a time of day.* in quotes: deadline: "08:00"',
        ),
        ({"meta": {"deadline": "8 am"}}, "has the deadline '8 am', which is not a time of day"),
        ({"meta": {"deadline": "24:00"}}, "has the deadline '24:00', which is not a time of day"),
        ({"meta": {"alert_channel": ""}}, "has the alert channel '', which is not a name"),
        ({"meta": {"alert_channel": 7}}, "has the alert channel 7, which is not a name"),
        ({"meta": {"memory": 4}}, "has under memory what cannot be used: 4 is not an amount.* Write it as 4Gi"),
        ({"owner": {"name": " "}}, "has an owner without a name or an email address.* Write `owner:"),
        ({"owner": {"email": "sales"}}, "has the owner's email 'sales', which is not an address"),
    ],
)
def test_a_group_that_is_wrong_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(TidegateError, match=says) as refused:
        promises_of(manifest(**wrong))
    assert str(refused.value).startswith("dbt's group sales (models/products.yml) has ")
    assert "Nothing was built." in str(refused.value)
