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
    "32-zstd": Case([("A1", "1.0000")]),
    # A name without a format is not guessed from the content.
    "33-gz-names": Case(
        [],
        {
            "A1": "delivery_rejected",
            "b.gz has a name that does not tell its format. Send CSV or JSON lines in UTF-8 (plain or gzip), or "
            "Parquet, or set `format` at the contract's server": "unreadable_file",
        },
        says="b.gz has a name that does not tell its format",
    ),
    "34-json-array": Case([("A1", "1.5000"), ("A2", "2.0000")]),
    "34c-json-pretty-objects": Case([("A1", "1.5000"), ("A2", "2.0000")]),
    "35-json-nan": Case([("A3", "2.0000", "1.5")], {"A1": "invalid_amount invalid_x", "A2": "invalid_x"}),
    "36b-json-nested-digits": Case(
        [
            ("A1", '[{"price":1234567890123456.78,"q":1.10,"big":12345678901234567890}]'),
            ("A2", '[{"price":1234567890123456.78,"q":1.10,"big":12345678901234567890}]'),
            ("A3", None),
        ],
        {"not json": "unparsable_line"},
    ),
    "37-json-wrapper": Case([("A1", "1.5000")], format="json_array", server={"records": "data"}),
    "39-json-digits": Case(
        [
            ("12345678901234567890", "1.000000000000000000", "1"),
            ("A1", "12345678901234567890.123456789012345678", "9007199254740993"),
            ("A2", "12.500000000000000000", "7"),
        ],
        # `amount` is there twice.
        {"A4": "unparsable_line"},
    ),
    "41-json-key-case": Case([("A1", "1.5000"), ("A2", "2.5000")]),
    "42d-parquet-noise": Case([("A1", "0.30"), ("A2", "12345678.90")], {"A3": "invalid_a", "A4": "invalid_a"}),
    "42e-parquet-big-doubles": Case([], dict.fromkeys(("A1", "A2", "A3", "A4"), "invalid_a")),
    "43b-parquet-decimal256": Case([("A1", *["12.3456"] * 9), ("A2", *["-1.0000"] * 9)]),
    # Bytes are no text, whatever they look like.
    "45-parquet-types": Case([], {"A1": "invalid_bin"}),
    "52-xlsx": Case([("A1", "1.5000", "2024-03-05")]),
    "91-json-values-objects": Case([], {'{"$oid":"65e6f0"}': "invalid_amount invalid_at"}),
    "21j-scientific-json": Case([("A1", "100.0000"), ("A2", "0.0100"), ("A3", "12.0000")]),
    "27j-float-noise-json": Case([("A1", "0.30"), ("A2", "19.99")], {"A3": "invalid_amount"}),
    "41b-json-epoch-millis": Case(
        [("A1", "2024-03-05 10:00:00.123")], columns={"at": {"logicalTypeOptions": {"format": "epoch_millis"}}}
    ),
    "49-parquet-odd-dates": Case([("A1", "2024-03-05", "2024-03-05", "10:30:00", "2024-03-05")]),
}

NOT_YET: set[str] = set()
