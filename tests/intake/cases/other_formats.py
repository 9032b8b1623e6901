"""Cases of JSON, Parquet, workbooks and compressed files."""

from __future__ import annotations

from tests.support.intake.cases import Case

CASES: dict[str, Case] = {
    "05b-json-crlf-blank": Case(
        [("A1", "1.0000")],
        {'{"id":"A2","amount":2},': "unparsable_line"},
    ),
    "31-gzip-members": Case([("A1", "1.0000"), ("A2", "2.0000"), ("A3", "3.0000")]),
    "31b-gzip-members-json": Case([("A1", "1.0000"), ("A2", "2.0000")]),
    "38-json-bom": Case([("A1", "1.5000")]),
    "39b-json-text-numbers": Case(
        [("A1", "1.50"), ("A2", "1e3"), ("A3", "0012"), ("A4", "😀 é tab\t nl\n"), ("A5", "true"), ("A6", "-0")]
    ),
    "41c-json-bool-forms": Case([("A1", "true"), ("A2", "false"), ("A3", "true"), ("A4", None), ("A5", None)]),
    "41d-json-empty-string": Case([("A1", None), ("A2", None), ("A3", " ")]),
    "42-parquet-times": Case(
        [
            ("A1", "1.5000", "2024-03-05 10:00:00.123456", "2024-03-05 10:00:00.123456", "2024-03-05", "2024-03-05"),
            ("A2", "2.0000", None, "2024-03-05 10:00:00", None, None),
        ]
    ),
    "42b-parquet-int96": Case([("A1", "2024-03-05 10:00:00.123456")]),
    "42c-parquet-dates-with-time": Case(
        [("A2", "2024-03-05")],
        {"A1": "invalid_d"},
    ),
    "47-parquet-empty": Case([("A1", "1.5000", None, None)]),
    "47b-parquet-null-key": Case(
        [("A1", "3.0000")],
        {"None": "missing_id", "A1": "duplicate_key"},
    ),
    "48-parquet-mixed-files": Case([("A1", "1.5000", "1"), ("A2", "2.5000", "2"), ("A3", "3.2500", None)]),
    "48c-parquet-spark-folder": Case(
        [("A0", "0.0000"), ("A1", "1.0000"), ("A2", "2.0000"), ("A3", "3.0000"), ("A4", "4.0000"), ("A5", "5.0000")]
    ),
    "48d-parquet-column-twice-nested-name": Case([("A1", "5")]),
    "49c-int-dates-json": Case([("A1", "2024-03-05"), ("A2", "2024-03-05"), ("A3", "2024-03-05")]),
    "65-zero-rows-json": Case([]),
    "67-mixed-formats": Case([("A1", "1.0000"), ("A2", "2.0000")]),
}

NOT_YET: set[str] = {
    "21j-scientific-json",
    "27j-float-noise-json",
    "32-zstd",
    "33-gz-names",
    "34-json-array",
    "34c-json-pretty-objects",
    "35-json-nan",
    "36b-json-nested-digits",
    "37-json-wrapper",
    "39-json-digits",
    "41-json-key-case",
    "41b-json-epoch-millis",
    "42d-parquet-noise",
    "42e-parquet-big-doubles",
    "43b-parquet-decimal256",
    "45-parquet-types",
    "49-parquet-odd-dates",
    "52-xlsx",
    "91-json-values-objects",
}
