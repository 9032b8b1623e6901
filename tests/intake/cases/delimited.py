"""Cases of delimited text, of values written as text, and of names and places."""

from __future__ import annotations

from tests.support.intake.cases import Case

_FLAT = {f"drop51/orders_2024-03-0{day}.csv": b"id,amount\nA1,1.00\n" for day in (5, 6)}

CASES: dict[str, Case] = {
    "05-bom-crlf": Case([("A1", "Müller, Inc", "12.5000")]),
    "11-trailing-comma-rows": Case([("A1", "1.0000"), ("A2", "2.0000")]),
    "11c-trailing-comma-both": Case([("A1", "1.0000"), ("A2", "2.0000")]),
    "13-duplicate-header": Case(
        [],
        {"o.csv has two columns named amount, and which one is meant nobody can tell": "unreadable_file"},
        says="two columns named amount",
    ),
    "13b-duplicate-foreign-header": Case([("A1", "1.0000")]),
    "14-header-spelling": Case([("A1", "1.0000", "2024-03-05")]),
    "14b-header-nbsp-zero-width": Case([("A1", "1.0000")]),
    "15b-footer-only": Case(
        [("A1", "1.0000"), ("A2", "2.0000")],
        {"***END OF FILE***": "unparsable_line"},
    ),
    "18-quoted-newline-crlf": Case([("A1", "line1\r\nline2", "1.0000"), ("A2", 'say "hi"', "2.0000")]),
    "18b-quoted-all-crlf-cr": Case([("A1", "1.0000"), ("A2", "2.0000"), ("B1", "1.0000"), ("B2", "2.0000")]),
    "23a-date-dmy": Case(
        [("A0", "2024-12-31"), ("A1", "2024-02-01"), ("A2", "2024-03-05")],
        {"A3": "invalid_d"},
    ),
    "23b-date-compact": Case(
        [("A0", "2024-03-05"), ("A1", "2024-12-31")],
        {"A2": "invalid_d"},
    ),
    "23g-date-month-name": Case(
        [("A0", "2024-03-05")],
        {"A1": "invalid_d"},
    ),
    "23j-fmt-mixed-fraction": Case(
        [("A1", "2024-03-05 10:00:00.123"), ("A3", "2024-03-05 10:00:00.1")],
        {"A2": "invalid_at", "A4": "invalid_at"},
    ),
    "23l-dmy-variants": Case(
        [("A1", "2024-03-05")],
        {"A2": "invalid_d", "A3": "invalid_d", "A4": "invalid_d", "A5": "invalid_d", "A6": "invalid_d"},
    ),
    "24-timestamps-offsets": Case(
        [
            ("A0", "2024-03-05 10:00:00"),
            ("A1", "2024-03-05 10:00:00"),
            ("A2", "2024-03-05 04:30:00"),
            ("A3", "2024-03-05 10:00:00"),
            ("A4", "2024-03-05 10:00:00.123456"),
            ("A5", "2024-03-06 04:30:00"),
            ("A6", "2024-03-31 00:30:00"),
            ("A7", "2024-03-05 09:00:00"),
            ("A8", "2024-03-05 10:00:00.5"),
        ],
        {"A9": "invalid_d"},
    ),
    "24b-timestamp-format-offset": Case([("A0", "2024-03-05 10:00:00"), ("A1", "2024-03-05 04:30:00")]),
    "24d-local-zone": Case([("A1", "2024-03-04 23:30:00")]),
    "24f-iso-week-time": Case(
        [("A2", "2024-03-05 10:00:00"), ("A4", "2024-03-05 10:00:00")],
        {"A1": "invalid_at", "A3": "invalid_at", "A5": "invalid_at", "A6": "invalid_at", "A7": "invalid_at"},
    ),
    "25-ids-a": Case(
        [("00123", "9223372036854775807", "18446744073709551615"), ("1.0", "7", "1")],
        {"+49123": "invalid_big"},
    ),
    "62-bom-quoted-header": Case([("A1", "1.0000")]),
    "68-reserved-begin-snapshot": Case(says="keeps for itself"),
    "68-reserved-ducklake-internal-row-id": Case(says="keeps for itself"),
    "68-reserved-end-snapshot": Case(says="keeps for itself"),
    "68-reserved-file-row-number": Case([("A1", "5")]),
    "68-reserved-filename": Case([("A1", "5")]),
    "68-reserved-group": Case([("A1", "5")]),
    "68-reserved-order": Case([("A1", "5")]),
    "68-reserved-row-id": Case(says="keeps for itself"),
    "68-reserved-snapshot-id": Case([("A1", "5")]),
    "71-one-key-repeated-lines": Case([("x", "1.0000"), ("x", "1.0000")]),
    "93-excel-quoted-ids": Case([('="00123"', "1.0000"), ('="00124"', "2.0000")]),
    "95-mojibake": Case([("A1", "MÃ¼ller")]),
    "99c-utf8-bom-in-middle": Case(
        [("A1", "1.0000"), ("A2", "2.0000")],
        {"\ufeffid": "invalid_amount"},
    ),
    "99d-repeated-header": Case(
        [("A1", "1.0000"), ("A2", "2.0000")],
        {"id": "invalid_amount"},
    ),
    "99e-null-bytes": Case(
        [("A2", "c")],
        {"A1,a\\x00b": "unparsable_line"},
    ),
    "01b-semicolon-only": Case([("A1", "x", "1234.5600", "2024-03-05")], server={"delimiter": ";"}),
    "03-cp1252-header": Case([("A1", "L", "12.5000")], server={"encoding": "windows-1252"}),
    "04-utf16-tab": Case(
        [("A1,", "Müller", "12.5000")], format="csv", server={"encoding": "utf-16", "delimiter": "tab"}
    ),
    "07-pipe": Case([("A1", "Müller, Inc", "12.5000")], server={"delimiter": "|"}),
    "12-short-rows": Case(
        [("A1", "1.0000", None, None), ("A2", "2.0000", "hi", None), ("A3", "3.0000", "a", "b")],
        server={"shortRows": "fill"},
    ),
    "15-preamble-footer": Case([("A1", "1.0000"), ("A2", "2.0000")], server={"skipLines": 3, "footer": "^Totals:"}),
    "16-comments": Case([("A1", "1.0000")], server={"comment": "#"}),
    "19-backslash-quote": Case(
        [("A1", '5" pipe, steel', "1.0000"), ("A2", "c:\\dir", "2.0000")], server={"escape": "\\"}
    ),
    "20-single-quotes": Case([("A1", "a, b", "1.0000")], server={"quote": "'"}),
    "94-partial-accents": Case([("A1", "Müller", "1.0000")], {"A2,M\\xfcller,2.00": "unparsable_line"}),
    "97-header-underscore": Case([("A1", "1.0000")], columns={"order_id": {"physicalName": "Order Id"}}),
    "99f-multi-char-delim": Case([("A1", "1.0000")], server={"delimiter": "||"}),
    "25-ids": Case(says="hugeint"),
    "25b-hugeint": Case(says="hugeint"),
    "01-semicolon-decimal-comma": Case(
        [
            ("A1", "Müller GmbH", "1234.5600", "2024-03-05"),
            ("A2", "Søn", "19.9000", "2024-03-05"),
            ("A3", "Ete", "-5.0000", "2024-03-04"),
        ],
        server={"delimiter": ";", "decimal": ",", "thousands": "."},
    ),
    "09-currency-accounting": Case(
        [("A1", "1234.5000"), ("A2", "-45.0000"), ("A3", "-12.5000"), ("A4", "5.0000"), ("A5", "5.0000")],
        server={"currency": ["$", "€"], "thousands": ",", "negatives": ["parentheses", "trailing"]},
    ),
    "10-null-tokens": Case(
        [(f"A{n}", None, None, None, None, None) for n in range(1, 7)],
        server={"nullWords": ["NULL", "N/A", "-", "\\N", "NaN", "nan"]},
    ),
    "10c-missing-values-text": Case([("A1", None), ("A2", "x")], server={"nullWords": ["N/A"]}),
    "13c-blank-required": Case([], {"A1": "missing_c", "   ": "missing_id", "A3": "missing_c"}),
    "21-scientific": Case([("A1", "150000.0000"), ("A2", "100000.0000"), ("A3", "0.0100"), ("A4", "2.0000")]),
    "22-booleans": Case(
        [(f"A{n}", "true" if n % 2 else "false") for n in range(1, 10)]
        + [("B1", "false"), ("B2", "true"), ("B3", "false"), ("B5", "true")],
        {"B4": "invalid_paid"},
        server={
            "trueWords": ["yes", "y", "t", "true", "1", "on", "j"],
            "falseWords": ["no", "n", "f", "false", "0", "off"],
        },
    ),
    "23c-date-2digit": Case([("A0", "2024-12-31")]),
    "23e-date-excel-serial": Case(
        [("A0", "2024-03-05")], {"A1": "invalid_d"}, columns={"d": {"logicalTypeOptions": {"format": "excel_serial"}}}
    ),
    "23f-epoch-seconds": Case(
        [("A0", "2024-03-05 10:00:00")], columns={"d": {"logicalTypeOptions": {"format": "epoch_seconds"}}}
    ),
    "23i-date-as-timestamp": Case([(f"A{n}", "2024-03-05") for n in range(3)], server={"cutTime": True}),
    "23k-compact-dates-short": Case(
        [("A4", "2024-03-05"), ("A5", "2024-03-05")], {"A1": "invalid_d", "A2": "invalid_d", "A3": "invalid_d"}
    ),
    "26-trailing-spaces": Case([("A1", "EUR", "2.0000")], {"A1": "duplicate_key"}, server={"trim": True}),
    "27-float-noise-text": Case([("A1", "0.30"), ("A2", "19.99")], {"A3": "invalid_amount"}),
    "27b-excel-numbers-text": Case(
        [("A1", "1234.5000"), ("A2", "1234.5000"), ("A3", "12.5000"), ("A4", "12.5000")], server={"thousands": " "}
    ),
    "28-number-forms": Case(
        [("A1", "5.0000"), ("A2", "0.5000"), ("A3", "5.0000"), ("A4", "0.0000")],
        dict.fromkeys(("A5", "A6", "A7", "A8", "A9", "B1", "B2"), "invalid_amount"),
    ),
    "64-swiss-numbers": Case([("A1", "1234.5000"), ("A2", "1234.5000")], server={"thousands": "'"}),
    "99-wide-integers-float": Case([("A1", "5"), ("A2", "5"), ("A3", "1000"), ("A4", "7")]),
    "99b-negatives": Case([], {"A1": "invalid_amount", "A2": "invalid_amount"}),
    "70-us-business-day": Case(
        [("A1", "2024-03-05 14:00:00", "1.0000"), ("A2", "2024-03-06 01:00:00", "2.0000")],
        zone="America/New_York",
    ),
    "46-pandas-nullable-ids": Case(
        [("A1", "12345", "3"), ("A2", None, None), ("B1", "12345", "3"), ("B2", None, None)],
        columns={"customer_id": {"customProperties": [{"property": "cutZeros", "value": True}]}},
    ),
    "50b-sidecar-files": Case([("A1", "1.0000")], server={"files": "*.csv"}),
    "51-flat-folder-dated-names": Case([("A1", "1.0000")], contract={"readiness": "all_regions"}, landed=_FLAT),
    "50c-folder-in-folder": Case([("A1", "1.0000")], server={"files": "**"}),
    "51d-flat-file-at-path": Case([("A1", "1.0000")], contract={"readiness": "all_regions"}),
    "60x-empty-file": Case(
        [],
        {
            "A1": "delivery_rejected",
            "a.csv is empty. A day without rows is a file with only its header": "unreadable_file",
        },
        "a.csv is empty",
    ),
    "61-file-order": Case([("A1", "10.0000")], {"A1": "duplicate_key"}),
}

NOT_YET: set[str] = set()
