"""What each kind of rule says of rows, in SQL, on deliveries small enough to see through."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.examples import examples

from tidegate.contract.judging.measure import measure
from tidegate.contract.judging.verdicts import duplicate_updates, judge_select
from tidegate.contract.model import Contract
from tidegate.lake.sql import literal, quoted

ContractOf = Callable[..., Contract]
Con = duckdb.DuckDBPyConnection
# A row as delivered: its values by column. All rows of a test have the columns of the first.
Row = Mapping[str, str | None]


def judge(con: Con, contract: Contract, rows: Sequence[Row], deliveries: Sequence[int] = ()) -> None:
    """Judges `rows`, delivered as text on 2024-01-10, into the table `judged`, duplicates included."""
    header = list(rows[0])
    values = ", ".join(
        f"({', '.join(literal(row[name]) for name in header)}{',' if header else ''} {delivery})"
        for row, delivery in zip(rows, deliveries or [0] * len(rows), strict=True)
    )
    names = ", ".join([*map(quoted, header), "_delivery"])
    typed = ", ".join([*(f"{quoted(name)}::varchar as {quoted(name)}" for name in header), "_delivery"])
    con.execute(f"create or replace temp table delivered as select {typed} from (values {values}) as v({names})")
    relation = "(select *, date '2024-01-10' as _day, 'file.csv' as _file from delivered)"
    present = dict.fromkeys(header, "VARCHAR")
    con.execute(f"create or replace temp table judged as {judge_select(contract, present, relation)}")
    for update in duplicate_updates(contract, "judged"):
        con.execute(update)


@pytest.mark.parametrize(
    ("declaration", "broken", "sound", "reason"),
    [
        ("logicalType: string, required: true", [None, "", " ", "\t\u00a0"], [" x", "x"], "missing_x"),
        (
            "logicalType: integer, logicalTypeOptions: {minimum: 3}",
            ["2", "-9"],
            ["3", None],
            "x_below_minimum",
        ),
        ("logicalType: integer, logicalTypeOptions: {exclusiveMinimum: 3}", ["3"], ["4"], "x_below_minimum"),
        ("logicalType: integer, logicalTypeOptions: {maximum: 3}", ["4"], ["3", None], "x_above_maximum"),
        ("logicalType: integer, logicalTypeOptions: {exclusiveMaximum: 3}", ["3"], ["2"], "x_above_maximum"),
        (
            "logicalType: integer, logicalTypeOptions: {multipleOf: 5}",
            ["3"],
            ["-10", "0"],
            "x_not_a_multiple",
        ),
        (
            "logicalType: number, physicalType: 'decimal(9,2)', logicalTypeOptions: {multipleOf: 0.05}",
            ["1.01"],
            ["1.05"],
            "x_not_a_multiple",
        ),
        (
            "logicalType: date, logicalTypeOptions: {minimum: '2024-01-01'}",
            ["2023-12-31"],
            ["2024-01-01"],
            "x_below_minimum",
        ),
        (
            "logicalType: timestamp, logicalTypeOptions: {maximum: '2024-01-01T01:00:00+01:00'}",
            ["2024-01-01 00:00:01"],
            ["2024-01-01 00:00:00"],
            "x_above_maximum",
        ),
        (
            "logicalType: time, logicalTypeOptions: {minimum: '08:00'}",
            ["07:59"],
            ["08:00"],
            "x_below_minimum",
        ),
        ("logicalType: string, logicalTypeOptions: {minLength: 2}", ["a", "é"], ["ab"], "x_too_short"),
        (
            "logicalType: string, logicalTypeOptions: {maxLength: 2}",
            ["abc"],
            ["ab", "éé", None],
            "x_too_long",
        ),
        ("logicalType: string, logicalTypeOptions: {pattern: 'b+'}", ["a"], ["abc", "b"], "x_does_not_match"),
        (
            "logicalType: string, logicalTypeOptions: {pattern: '^b$'}",
            ["ab", "b\n"],
            ["b"],
            "x_does_not_match",
        ),
        (
            "logicalType: string, logicalTypeOptions: {format: email}",
            ["a@b", "@b.cd", "a b@c.de", "a@b@c.de", "a@b.c.", "x"],
            ["a@b.cd", "a.b+c@d.e.fg", None],
            "x_not_email",
        ),
        (
            "logicalType: string, logicalTypeOptions: {format: uuid}",
            ["123e4567-e89b-12d3-a456-42661417400"],
            ["123e4567-e89b-12d3-a456-426614174000"],
            "x_not_uuid",
        ),
        ("logicalType: string, logicalTypeOptions: {format: uri}", ["x/y"], ["s3://x/y"], "x_not_uri"),
        (
            "logicalType: string, enum: [{value: a}, {value: b}]",
            ["c", "A"],
            ["a", "b", None],
            "x_not_allowed",
        ),
        (
            "logicalType: integer, quality: [{metric: invalidValues, arguments: {validValues: [1, 2]}, mustBe: 0}]",
            ["3"],
            ["1", None],
            "x_not_allowed",
        ),
        (
            "logicalType: string, "
            "quality: [{metric: invalidValues, arguments: {pattern: '^a'}, mustBe: 0, name: no_a}]",
            ["b"],
            ["ab", None],
            "no_a",
        ),
        ("logicalType: string, quality: [{metric: nullValues, mustBe: 0}]", [None], ["a"], "missing_x"),
        ("logicalType: string, quality: [{rule: nullCheck, mustBe: 0}]", [None], ["a"], "missing_x"),
        (
            "logicalType: string, quality: [{metric: missingValues, "
            "arguments: {missingValues: [null, '', 'N/A']}, mustBe: 0}]",
            [None, "", "N/A"],
            ["a"],
            "missing_x",
        ),
        (
            "logicalType: string, quality: [{type: custom, engine: tidegate, name: odd, "
            "implementation: \"{property} like '%?%' -- really\"}]",
            ["what?"],
            ["this", None],
            "odd",
        ),
        (
            "logicalType: date, quality: [{type: custom, engine: tidegate, name: late, implementation: 'x > _day'}]",
            ["2024-01-11"],
            ["2024-01-10", None],
            "late",
        ),
        (
            "logicalType: string, quality: [{type: custom, engine: tidegate, name: odd, "
            "implementation: 'cast(x as integer) % 2 = 1'}]",
            ["3", "no number, so the rule cannot be computed"],
            ["2", None],
            "odd",
        ),
    ],
)
def test_a_row_rule_breaks_only_what_it_is_about(
    declaration: str,
    broken: list[str | None],
    sound: list[str | None],
    reason: str,
    contract_of: ContractOf,
    con: Con,
) -> None:
    contract = contract_of(f"  - {{name: x, {declaration}}}")
    judge(con, contract, [{"x": value} for value in [*broken, *sound]])
    found = [row[0] for row in con.execute("select _reasons from judged order by rowid").fetchall()]
    assert found == [[reason]] * len(broken) + [None] * len(sound)


def test_a_row_has_all_its_reasons_and_its_raw_values(contract_of: ContractOf, con: Con) -> None:
    contract = contract_of("""
  - {name: a, logicalType: integer, required: true}
  - {name: b, logicalType: integer, required: true}
  - {name: c, logicalType: integer, logicalTypeOptions: {minimum: 0}}
  - {name: d, logicalType: string}""")
    judge(
        con,
        contract,
        [{"a": "", "b": "x", "c": "-1", "d": 'it\'s "d"'}, {"a": "1", "b": "2", "c": "3", "d": "4"}],
    )
    rows = con.execute("select a, b, c, d, _reasons, _raw, _delivery, _day::varchar, _file from judged").fetchall()
    assert rows[0][:5] == (None, None, -1, 'it\'s "d"', ["missing_a", "invalid_b", "c_below_minimum"])
    assert json.loads(rows[0][5]) == {"a": None, "b": "x", "c": "-1", "d": 'it\'s "d"'}
    assert rows[1] == (1, 2, 3, "4", None, None, 0, "2024-01-10", "file.csv")


def test_event_time_is_held_against_the_day_of_the_delivery(contract_of: ContractOf, con: Con) -> None:
    root = "customProperties:\n- {property: eventTime, value: at}\n- {property: allowedLatenessDays, value: 7}\n"
    contract = contract_of("  - {name: at, logicalType: timestamp}", root=root)
    moments: dict[str | None, list[str] | None] = {
        "2024-01-10 23:59:59.999999": None,
        "2024-01-11 00:00:00": ["in_the_future"],
        # On the next day in Auckland, on the day itself in UTC.
        "2024-01-11T10:00:00+13:00": None,
        "2024-01-03 00:00:00": None,
        "2024-01-02 23:59:59": ["too_late"],
        # Of no day.
        None: ["missing_at"],
    }
    judge(con, contract, [{"at": moment} for moment in moments])
    assert [row[0] for row in con.execute("select _reasons from judged").fetchall()] == list(moments.values())


def test_absent_columns_are_null_and_missing_when_required(contract_of: ContractOf, con: Con) -> None:
    contract = contract_of("""
  - {name: a, logicalType: integer, required: true}
  - {name: b, logicalType: date}
  - {name: c, logicalType: string}""")
    judge(con, contract, [{"c": "x"}])
    assert con.execute("select a, b, c, _reasons, _raw from judged").fetchall() == [
        (None, None, "x", ["missing_a"], '{"c":"x"}')
    ]
    judge(con, contract, [{}])
    assert con.execute("select a, b, c, _reasons, _raw from judged").fetchall() == [
        (None, None, None, ["missing_a"], "{}")
    ]


def test_the_last_sound_line_of_a_key_wins(contract_of: ContractOf, con: Con) -> None:
    contract = contract_of("""
  - {name: k, logicalType: string, primaryKey: true, primaryKeyPosition: 2}
  - {name: n, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}
  - {name: v, logicalType: integer}""")
    assert contract.key == ("n", "k")
    lines = [
        ("a", "1", "1", 0, ["duplicate_key"]),
        ("a", "2", "2", 0, None),
        ("a", "01", "3", 0, ["duplicate_key"]),
        ("a", "1", "4", 0, None),
        ("a", "1", "broken", 0, ["invalid_v"]),
        ("a", "1", "6", 1, None),
        ("", "1", "7", 1, ["missing_k"]),
        ("", "1", "8", 1, ["missing_k"]),
    ]
    rows = [{"k": k, "n": n, "v": v} for k, n, v, _, _ in lines]
    judge(con, contract, rows, [delivery for *_, delivery, _ in lines])
    found = con.execute("select _reasons, _raw from judged order by coalesce(v, 5), rowid").fetchall()
    by_value = dict(con.execute("select coalesce(v, 5), _reasons from judged").fetchall())
    assert by_value == {i + 1: line[-1] for i, line in enumerate(lines)}
    raw = {i: raw for i, (_, raw) in enumerate(found)}
    assert json.loads(raw[2]) == {"k": "a", "n": "1", "v": "3"}
    assert raw[3] is None


def test_unique_columns_ignore_nulls_and_keys_come_first(contract_of: ContractOf, con: Con) -> None:
    contract = contract_of(
        """
  - {name: id, logicalType: string, primaryKey: true, unique: true}
  - {name: mail, logicalType: string, unique: true}
  - {name: a, logicalType: string}
  - {name: b, logicalType: string}""",
        quality="  - {metric: duplicateValues, arguments: {properties: [a, b]}, mustBe: 0}",
    )
    assert [rule.reason for rule in contract.unique_rules] == [
        "duplicate_key",
        "duplicate_mail",
        "duplicate_a_b",
    ]
    rows: list[Row] = [
        {"id": "1", "mail": "x", "a": "1", "b": None},
        # Its key is repeated, so that its mail is no longer a double of anything.
        {"id": "2", "mail": "x", "a": "2", "b": "2"},
        {"id": "2", "mail": "y", "a": "3", "b": "3"},
        {"id": "3", "mail": None, "a": "1", "b": None},
        {"id": "4", "mail": None, "a": "3", "b": "3"},
    ]
    judge(con, contract, rows)
    found = con.execute("select id, mail, _reasons from judged order by all").fetchall()
    assert found == [
        ("1", "x", None),
        ("2", "x", ["duplicate_key"]),
        ("2", "y", ["duplicate_a_b"]),
        ("3", None, None),
        ("4", None, None),
    ]


HOSTILE = [
    'a"b',
    "x; drop table judged",
    "select",
    "ünïcödé",
    "'",
    "a b",
    "{object}",
    "x'); --",
    "😀",
    "_Raw2",
]


def test_hostile_column_names_are_only_names(contract_of: ContractOf, con: Con) -> None:
    columns = [
        f"  - {{name: {json.dumps(name, ensure_ascii=False)}, "
        "logicalType: integer, required: true, unique: true, "
        "logicalTypeOptions: {minimum: 1}, quality: ["
        "{metric: nullValues, mustBe: 0, unit: percent}, "
        "{metric: duplicateValues, mustBeLessThan: 9}, "
        f"{{type: custom, engine: tidegate, name: is_{i}, implementation: '{{property}} = 7'}}, "
        f"{{type: sql, name: sum_{i}, query: 'select sum({{property}}) from {{object}}', mustBe: 3}}]}}"
        for i, name in enumerate(HOSTILE)
    ]
    contract = contract_of("\n".join(columns))
    rows: list[Row] = [dict.fromkeys(HOSTILE, value) for value in ("1", "2", "0", "7", "x", None)]
    judge(con, contract, rows)
    found = [row[0] for row in con.execute("select _reasons from judged order by rowid").fetchall()]
    assert found == [
        None,
        None,
        [f"{name}_below_minimum" for name in HOSTILE],
        [f"is_{i}" for i in range(len(HOSTILE))],
        [f"invalid_{name}" for name in HOSTILE],
        [f"missing_{name}" for name in HOSTILE],
    ]
    [raw] = con.execute("select _raw from judged where rowid = 4").fetchone() or ()
    assert json.loads(raw) == dict.fromkeys(HOSTILE, "x")
    measures = measure(con, contract, "judged")[0]
    assert (measures.rows_read, measures.rows_sound) == (6, 2)
    assert [measures.values[f"sum_{i}"] for i in range(len(HOSTILE))] == [3] * len(HOSTILE)


EVERY_TYPE = """
  - {name: s, logicalType: string, primaryKey: true, logicalTypeOptions: {maxLength: 20, pattern: "."}}
  - {name: mail, logicalType: string, logicalTypeOptions: {format: email}}
  - {name: i, logicalType: integer, required: true, logicalTypeOptions: {multipleOf: 2}}
  - {name: n, logicalType: number, physicalType: "decimal(18,4)", logicalTypeOptions: {minimum: -5}}
  - {name: f, logicalType: number, physicalType: double, unique: true}
  - {name: b, logicalType: boolean}
  - {name: d, logicalType: date}
  - {name: e, logicalType: date, logicalTypeOptions: {format: "d.M.yyyy"}}
  - {name: t, logicalType: timestamp}
  - {name: c, logicalType: time}"""
EVERY_RULE = """
  - {type: custom, engine: tidegate, name: overflow, implementation: "n * n * n * i > 1"}
  - {type: custom, engine: tidegate, name: cast_fails, implementation: "cast(s as integer) > 3"}
  - {type: sql, name: query_fails, query: "select sum(cast(mail as integer)) from {object}", mustNotBe: 0}
  - {metric: rowCount, mustBeGreaterOrEqualTo: 0}"""
ROOT = "customProperties:\n- {property: eventTime, value: t}\n- {property: allowedLatenessDays, value: 3}\n"

_looks_typed = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.decimals(allow_nan=True).map(str),
    st.dates().map(str),
    st.datetimes().map(str),
    st.datetimes(timezones=st.timezones(no_cache=True)).map(lambda moment: moment.isoformat()),
    st.times().map(str),
    st.booleans().map(str),
    st.from_regex(r"[+-]?[0-9]{0,40}\.?[0-9]{0,40}([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?([+-][0-9:]{2,5}|Z)?", fullmatch=True),
)
_values = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])), _looks_typed)


@pytest.mark.slow
@examples(15)
@given(data=st.data())
def test_any_text_is_judged_and_every_row_is_accounted_for(
    data: st.DataObject, contract_of: ContractOf, con: Con
) -> None:
    contract = contract_of(EVERY_TYPE, EVERY_RULE, ROOT)
    names = [column.name for column in contract.columns]
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, _values)), min_size=1, max_size=8))
    deliveries = [data.draw(st.integers(0, 2)) for _ in rows]
    judge(con, contract, rows, deliveries)
    for *values, found, raw in con.execute(f"select {', '.join(names)}, _reasons, _raw from judged").fetchall():
        assert (found is None) == (raw is None)
        if found is None:
            assert values[0] is not None and values[2] is not None
        else:
            assert found and set(json.loads(raw)) == set(names)
    measures = measure(con, contract, "judged")
    assert sum(m.rows_read for m in measures.values()) == len(rows)
    assert all(m.rows_read == m.rows_sound + m.rows_broken for m in measures.values())
    assert set(measures) == set(deliveries)
