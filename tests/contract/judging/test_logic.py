"""The logic of a contract: the same for contracts that judge alike."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tidegate.contract.judging.logic import logic_of
from tidegate.contract.model import Contract

THINGS = """\
  - {name: thing_id, logicalType: string, primaryKey: true, primaryKeyPosition: 1, description: "Which."}
  - {name: amount, logicalType: integer, quality: [{type: library, metric: nullValues, mustBe: 0}]}"""

ROOT = "customProperties: [{property: maxQuarantinedPercent, value: 5}]\nteam: {name: shop}\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [("integer", "string"), ("mustBe: 0", "mustBeLessThan: 9"), ("value: 5", "value: 6"), ("amount", "price")],
)
def test_a_rule_that_judges_otherwise_is_other_logic(contract_of: Callable[..., Contract], old: str, new: str) -> None:
    before = logic_of(contract_of(THINGS, root=ROOT))
    assert logic_of(contract_of(THINGS.replace(old, new), root=ROOT.replace(old, new))) != before


@pytest.mark.parametrize(("old", "new"), [("Which.", "Which one."), ("name: shop", "name: sales"), ("5}", "5.0}")])
def test_words_and_owners_are_no_logic(contract_of: Callable[..., Contract], old: str, new: str) -> None:
    before = logic_of(contract_of(THINGS, root=ROOT))
    assert logic_of(contract_of(THINGS.replace(old, new), root=ROOT.replace(old, new))) == before
