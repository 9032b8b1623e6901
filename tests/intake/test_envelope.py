"""Changes in Debezium's envelope load as its own unwrapping leaves them; tombstones delete, or say the same again."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.shop import Shop

from tidegate.contract.reading.odcs import load_contract
from tidegate.errors import ContractError
from tidegate.sources.kafka.messages import write_lines

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: accounts
version: 1.0.0
servers:
  - {server: bank, type: local, path: "accounts/{day}", format: FORMAT}
schema:
  - name: accounts
    properties:
      - {name: account_id, logicalType: string, primaryKey: true}
      - {name: op, physicalName: __op, logicalType: string}
      - {name: lsn, physicalName: ORDER, logicalType: integer}
      - {name: balance, logicalType: number, physicalType: "decimal(38,18)", required: true}
      - {name: opened_on, logicalType: date}
customProperties:
  - {property: eventTime, value: opened_on}
  - {property: envelope, value: debezium}
  - {property: operation, value: op}
  - {property: orderedBy, value: lsn}
  - {property: maxQuarantinedPercent, value: 100}
"""


def contract(written: str = "json", order: str = "__source_lsn") -> str:
    return CONTRACT.replace("FORMAT", written).replace("ORDER", order)


def row(account: str, balance: str) -> str:
    return f'{{"account_id": "{account}", "balance": {balance}, "opened_on": "2024-02-28"}}'


def change(op: str, lsn: int, before: str = "null", after: str = "null") -> str:
    source = f'{{"lsn": {lsn}, "table": "accounts"}}'
    return f'{{"before": {before}, "after": {after}, "source": {source}, "op": "{op}", "ts_ms": 1709164800000}}'


# With more digits than a double has.
LONG = "12345678901234567890.123456789012345678"
CHANGES = [
    change("r", 1, after=row("a", LONG)),
    change("u", 2, row("a", "1"), row("a", "2.50")),
    change("c", 3, after=row("b", "7")),
    # All that a database says of what it deleted may be the key.
    change("d", 4, before='{"account_id": "b"}'),
    f'{{"schema": {{"type": "struct"}}, "payload": {change("c", 5, after=row("c", "1.10"))}}}',
]
RIGHT = [("a", "r", 1, LONG), ("a", "u", 2, "2.50"), ("b", "c", 3, "7"), ("b", "d", 4, None), ("c", "c", 5, "1.10")]


def loaded(shop: Shop) -> list[tuple[object, ...]]:
    rows = shop.raw("account_id, op, lsn, balance::varchar")
    return [(*rest, balance and balance.rstrip("0").rstrip(".")) for *rest, balance in rows]


@pytest.mark.parametrize("written", ["json", "json_array"])
def test_changes_are_rows_with_what_is_said_of_them(open_shop: OpenShop, written: str) -> None:
    shop = open_shop(contract(written))
    text = "\n".join(CHANGES) if written == "json" else f"[{', '.join(CHANGES)}]"
    shop.deliver("bank", {"a.json": text.encode()})
    report = shop.load()["bank"]
    assert (report.status, report.rows_read, report.rows_loaded) == ("accepted", 5, 5), report.reasons
    assert loaded(shop) == [(*rest, balance and balance.rstrip("0").rstrip(".")) for *rest, balance in RIGHT]
    # What is said about a change is no column that the contract does not know.
    assert report.drift.added == ()


HOSTILE = {
    '{"account_id": "a", "balance": 1}': ["unparsable_line", "no envelope of Debezium's"],
    '{"op": ["c"], "after": {}}': ["unparsable_line", "no envelope of Debezium's"],
    '{"op": "c", "after": [1]}': ["unparsable_line", "no envelope of Debezium's"],
    '{"op": "c", "after": "text", "source": {}}': ["unparsable_line", "no envelope of Debezium's"],
    '{"op": "c", "after": {"account_id": "a", "account_id": "b"}}': ["unparsable_line", "a key that is there twice"],
    '{"payload": null}': ["unparsable_line", "no envelope of Debezium's"],
    '{"op": "t", "source": {"lsn": 1}}': ["missing_account_id", "missing_balance", "missing_opened_on"],
    '{"op": "d", "before": null, "source": {"lsn": 1}}': ["missing_account_id"],
    '{"op": "d", "before": {"account_id": "a"}}': ["missing_lsn"],
    "null": ["unparsable_line", "no object"],
    '{"op": "c"': ["unparsable_line", "text that is not JSON"],
}


def test_what_is_no_change_is_quarantined_and_says_why(open_shop: OpenShop) -> None:
    shop = open_shop(contract())
    shop.deliver("bank", {"a.json": "\n".join([*HOSTILE, CHANGES[0]]).encode()})
    report = shop.load()["bank"]
    assert (report.rows_read, report.rows_loaded) == (len(HOSTILE) + 1, 1)
    assert shop.quarantined() == sorted(HOSTILE.values())


def lines_of(folder: Path, order: str, *messages: tuple[str | None, str | None]) -> list[dict[str, object]]:
    """What is read of messages, each a key and a value."""
    path, file, lines = folder / "accounts.odcs.yaml", folder / "messages", io.BytesIO()
    path.write_text(contract(order=order))
    kept = [json.dumps([0, number, 1709164800000, *message]) for number, message in enumerate(messages)]
    file.write_bytes(gzip.compress("\n".join(kept).encode()))
    write_lines([file], load_contract(path), lines, "debezium")
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_tombstone_after_the_deletion_of_its_key_is_no_row_and_any_other_one_deletes(tmp_path: Path) -> None:
    a, b = '{"account_id": "a"}', '{"account_id": "b"}'
    deleted = change("d", 1, before=a)
    assert lines_of(tmp_path, "__source_lsn", (a, deleted), (b, None), (a, None)) == [
        json.loads(deleted),
        {"op": "d", "before": {"account_id": "b"}},
    ]
    # Of what was made again after it was deleted.
    again = change("c", 2, after=row("a", "1"))
    assert len(lines_of(tmp_path, "__source_lsn", (a, deleted), (a, again), (a, None))) == 3
    [alone] = lines_of(tmp_path, "kafka_offset", (f'{{"schema": {{}}, "payload": {a}}}', None))
    assert (alone["kafka_offset"], alone["op"]) == (0, "d")
    # A column of the table is called so, and nothing was deleted.
    looks_deleted = change("u", 1, after='{"op": "d"}')
    assert len(lines_of(tmp_path, "__source_lsn", (a, looks_deleted), (a, None), (None, None), ("text", None))) == 4


@pytest.mark.parametrize(
    ("of", "to", "says"),
    [
        ("debezium", "maxwell", "write one of debezium"),
        ("FORMAT", "csv", "FORMAT"),
        (
            "  - {property: operation, value: op}\n  - {property: orderedBy, value: lsn}\n",
            "",
            "which columns tell that",
        ),
    ],
)
def test_an_envelope_that_nobody_unwraps_is_refused(open_shop: OpenShop, of: str, to: str, says: str) -> None:
    text = CONTRACT.replace(of, to).replace("ORDER", "__source_lsn")
    if says == "FORMAT":
        text = text.replace("path: ", "customProperties: [{property: envelope, value: debezium}], path: ")
        says = "'envelope' has no effect on files of format csv"
    with pytest.raises(ContractError, match=says):
        open_shop(text.replace("FORMAT", "json"))
