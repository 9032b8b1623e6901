"""A source's page says all that its contract does, in words, and takes no word of it for markup."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from tests.support.intake.shop import SALES

from tidegate.contract.judging.assess import reasons_of, rule_groups
from tidegate.contract.judging.thresholds import wanted
from tidegate.contract.model import Contract
from tidegate.contract.reading.odcs import load_contract, load_contracts
from tidegate.explain.markdown import code, page, table, text
from tidegate.explain.sources import readers_of, source_page, sources_page
from tidegate.settings import CHECKOUT
from tidegate.zones import Zone

FOLDERS = ("contracts", "examples/online_retail/contracts", "examples/unattended/contracts")
CONTRACTS = [contract for folder in FOLDERS for contract in load_contracts(CHECKOUT / folder).values()]


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., str]:
    """The page of a source `things` with one server, and more at the root."""

    def page_of(server: str = 'type: local, path: "things/{day}"', root: str = "", about: str = "Things.") -> str:
        path = tmp_path / "things.odcs.yaml"
        path.write_text(
            "apiVersion: v3.1.0\nkind: DataContract\nid: things\nversion: 1.0.0\n"
            f"servers:\n- {{server: here, {server}}}\n"
            f"schema:\n- name: things\n  description: {about}\n"
            "  properties:\n  - {name: happened_on, logicalType: date, required: true}\n" + root,
            encoding="utf-8",
        )
        return source_page(load_contract(path), ["daily_things"])

    return page_of


def custom(**properties: object) -> str:
    written = "".join(f"- {{property: {name}, value: {value}}}\n" for name, value in properties.items())
    return f"customProperties:\n{written}"


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: str(contract.path.relative_to(CHECKOUT)))
def test_every_column_rule_threshold_region_and_check_is_told(contract: Contract) -> None:
    written = source_page(contract, [])

    names = [column.name for column in contract.columns] + [region.name for region in contract.regions]
    names += [*reasons_of(contract), *(group.name for group in rule_groups(contract))]
    names += [rule.name for rule in contract.delivery_rules]
    assert [name for name in names if code(name) not in written] == []
    assert [rule.name for rule in contract.delivery_rules if text(wanted(rule)) not in written] == []
    assert f"{contract.max_quarantined_percent} % of its rows" in written
    assert text(str(contract.owner)) in written


def test_the_demo_shops_promises_read_as_sentences() -> None:
    orders = source_page(load_contract(CHECKOUT / "contracts" / "orders.odcs.yaml"), ["daily_sales"])

    assert "It is complete when a file `_SUCCESS` lies beside its files." in orders
    assert "`ordered_at` says when a row happened. It may come up to 7 days later" in orders
    assert "not there by 06:00 UTC on the day after holds the day until it is" in orders
    assert "These marts stand on it: [daily\\_sales](../marts/daily_sales.md)." in orders
    assert "| `quantity_is_zero` | breaks the rule: A line must sell or return something. |" in orders
    assert "- `share_of_guests` does not hold: it must be at most 60 %. Guests are common" in orders


def test_what_happens_when_a_source_does_not_come_is_the_contracts_to_say(page_of: Callable[..., str]) -> None:
    assert "While the source is down, its days wait" in page_of()
    assert "newest good delivery of an earlier day stands in" in page_of(root=custom(fallback="last_good"))
    assert "is left out: the day is published without it" in page_of(
        root=custom(onMissing="publish_without") + 'slaProperties:\n- {property: timeOfAvailability, value: "07:30"}\n'
    )


def test_when_a_delivery_is_complete_is_the_contracts_to_say(page_of: Callable[..., str]) -> None:
    assert "nothing of it has changed for 15 minutes" in page_of(root=custom(readiness="quiet", quietMinutes=15))
    assert "every region has delivered something" in page_of(root=custom(readiness="all_regions"))
    assert "is read every 15 minutes while it goes on" in page_of(root=custom(intradayMinutes=15))


def test_when_a_row_is_late_is_the_contracts_to_say(page_of: Callable[..., str]) -> None:
    assert "Every row counts for the day that it was delivered for." in page_of()
    assert "any time later" in page_of(root=custom(eventTime="happened_on"))
    assert "up to 1 day later" in page_of(root=custom(eventTime="happened_on", allowedLatenessDays=1))


def test_where_a_source_is_fetched_from_is_told_and_no_secret() -> None:
    customers, _, payments = load_contracts(CHECKOUT / "examples" / "unattended" / "contracts").values()

    api, database = source_page(customers, []), source_page(payments, [])
    assert "`{base}/customers?as_of={day}`, whose base stands in `$CRM_URL`" in api
    assert "It is complete with its last page." in api
    assert "rows of the database in `$SHOP_DATABASE`" in database
    assert "It is complete when the database says so: `select status" in database
    assert "```sql\nselect" in database


def test_a_source_that_no_mart_reads_holds_no_day() -> None:
    assert readers_of(["orders", "spare"], {"sales": frozenset({"orders"})}) == {"orders": ["sales"], "spare": []}
    assert "No mart stands on it" in source_page(CONTRACTS[0], [])


def test_all_sources_stand_in_one_table() -> None:
    contracts = load_contracts(CHECKOUT / "contracts")

    assert "| [orders](orders.md) | Orders of the shop | sales-platform |" in sources_page(contracts.values())


# --- words of others


def shown(markdown: str) -> str:
    """What a reader sees of some Markdown: its text, without any markup that was found in it."""
    seen = []
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        for child in token.children or []:
            assert child.type in ("text", "code_inline", "text_special"), f"{markdown!r} holds {child.type}"
            seen.append(child.content)
    return "".join(seen)


LETTERS = st.characters(exclude_categories=["C", "Z"], include_characters=" `|\\<&*_[]()!#-+=1.~{}%:")
WORDS = st.text(LETTERS).map(lambda words: " ".join(words.split())).filter(bool)


@given(WORDS)
@example("1. not a list")
@example("- nor this")
@example("![no](picture)")
@example("&lt;")
@example("a | b \\| c")
def test_words_come_out_as_they_went_in(words: str) -> None:
    assert shown(text(words)) == words
    assert shown(code(words)) == words
    assert shown(table(("a",), [(text(words),)])) == "a" + words
    assert shown(table(("a",), [(code(words),)])) == "a" + words


def test_a_contracts_words_are_no_markup(page_of: Callable[..., str]) -> None:
    written = page_of(about='"<script>alert(1)</script> [here](javascript:x) {raw}`x`"')

    html = MarkdownIt("commonmark").enable("table").render(written)
    assert "<script>" not in html
    assert 'href="javascript' not in html


def test_empty_parts_of_a_page_are_left_out() -> None:
    assert page("# A", "", "b") == "# A\n\nb\n"


def test_by_which_clock_timestamps_are_written_is_told(tmp_path: Path) -> None:
    path = tmp_path / "sales.odcs.yaml"
    text_of = SALES.replace("customProperties:\n", "customProperties:\n  - {property: timezone, value: Asia/Kolkata}\n")
    path.write_text(text_of, encoding="utf-8")
    written = source_page(load_contract(path, Zone("Europe/Berlin")), [])

    assert "what one region hands over for one day, Europe/Berlin." in written
    assert "Timestamps of `north`, `south`, `west` without an offset are `Asia/Kolkata` time." in written
    assert "goes into quarantine" in written
    assert "`ambiguous_sold_at`" in written
    assert "`nonexistent_sold_at`" in written
