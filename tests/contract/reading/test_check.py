"""Every error of a contract at once: none twice, none that only follows from another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tidegate.contract.reading.check import check_contracts, errors_in

GOOD = """\
apiVersion: v3.1.0
kind: DataContract
id: things
version: 1.0.0
servers:
  - {server: us, type: local, path: "things/us/{day}", format: auto}
schema:
  - name: things
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: at, logicalType: timestamp}
"""
BAD = """\
apiVersion: v3.1.0
kind: DataContract
id: things
verson: 1
servers:
  - {server: us, type: local, path: "things/us", format: auto}
  - {server: eu, type: ftp, path: "things/eu/{day}"}
schema:
  - name: things
    properties:
      - name: a
        logicalType: number
      - name: b
        logicalType: strng
      - name: c
        logicalType: integer
        logicalTypeOptions: {minimum: x, maximun: 3}
        quality:
          - {name: r1, type: custom, engine: tidegate, implementation: "nope = 3"}
          - {name: r2, type: custom, engine: tidegate, implementation: "a > 0 and b = 'x'"}
      - name: c
        logicalType: string
customProperties:
  - {property: eventTime, value: zz}
  - {property: decimal, value: ";"}
  - {property: nosuch, value: 1}
"""


def test_each_error_of_a_contract_is_found_at_once_by_its_line(write: Callable[[str], Path]) -> None:
    errors = errors_in(write(BAD))
    assert [(int(error.split(":")[1]), error.split("; write")[0].split(": ", 1)[1][:40]) for error in errors] == [
        (1, "the contract has no version"),
        (4, "'verson' is not a key of the standard he"),
        (6, "'things/us' does not say where the day s"),
        (7, "deliveries cannot be fetched from a serv"),
        (11, "the column 'a' is a number of unknown pr"),
        (14, "'strng' is not a logicalType"),
        (17, "'x' is not a number"),
        (17, "'maximun' is not supported for a column "),
        (19, 'the rule cannot run: Referenced column "'),
        (21, "the column 'c' is there twice (as 'c'; c"),
        (24, "'zz' is not a column of this contract"),
        (25, "';' is nothing that decimal can be"),
        (26, "'nosuch' is not a custom property that T"),
    ]


def test_what_is_no_yaml_or_no_contract_is_one_error(write: Callable[[str], Path]) -> None:
    for text in ("", "- a", "a: [", "\0"):
        assert len(errors_in(write(text))) == 1


def test_contracts_without_an_error_have_none_and_two_of_one_place_have(tmp_path: Path) -> None:
    (tmp_path / "things.odcs.yaml").write_text(GOOD)
    assert check_contracts(tmp_path) == (1, [])
    (tmp_path / "others.odcs.yaml").write_text(GOOD.replace("name: things", "name: others"))
    count, errors = check_contracts(tmp_path)
    assert count == 2
    assert "both read 'things/us/{day}'" in errors[0]


def test_a_folder_without_contracts_says_so(tmp_path: Path) -> None:
    assert "holds no contract" in check_contracts(tmp_path)[1][0]
