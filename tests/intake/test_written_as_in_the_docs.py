"""The contract of docs/contracts.md for a European report loads one to the cent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.intake.fixtures import OpenShop

PAGE = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text(encoding="utf-8")
CONTRACT = re.search(r"^```yaml\n(apiVersion[^`]*?^id: receipts\n.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

REPORT = """Belege der Filiale Köln
Beleg-Nr.;Käufer;Datum;Betrag
0001;Müller & Söhne;31.12.2024;1.234,56 €
0002;"Grün; Groß";01.01.2024;-0,07 €
0003;k.A.;29.02.2024;k.A.
0004;Ostfriesentee;30.02.2024;1,00
0005;Ångström;05.03.2024;1.23 €
Summe;;;1.234,49 €
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_european_report_loads_by_contract_alone(open_shop: OpenShop, line_end: str) -> None:
    assert CONTRACT is not None
    shop = open_shop(CONTRACT[1] + "customProperties:\n  - {property: maxQuarantinedPercent, value: 50}\n")
    report = shop.load_one("office", {"belege.csv": REPORT.replace("\n", line_end).encode("cp1252")})

    assert (report.rows_read, report.rows_loaded) == (5, 3)
    assert shop.raw("receipt_id, customer, received_on::varchar, amount::varchar") == [
        ("0001", "Müller & Söhne", "2024-12-31", "1234.56"),
        ("0002", "Grün; Groß", "2024-01-01", "-0.07"),
        ("0003", None, "2024-02-29", None),
    ]
    # A point stands between thousands, so 1.23 is neither 1.23 nor 123.
    assert shop.quarantined("_line, reasons, raw->>'$.Betrag' is null") == [
        (6, ["invalid_received_on"], True),
        (7, ["invalid_amount"], True),
    ]
