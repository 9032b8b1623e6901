"""Pages of a JSON API: records come out in their own bytes, and what is no page is told by what it lacks."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.examples import examples

from tidegate.sources.http.pages import OtherShapeError, PageError, read_page

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def page_of(customers: str, **members: object) -> bytes:
    count = {"page": 1, "pages": 1, "total": 1} | members
    listed = ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in count.items())
    return f'{{{listed}, "customers": {customers}}}'.encode("utf-8", "surrogateescape")


def lines_of(body: bytes) -> list[bytes]:
    lines = io.BytesIO()
    page = read_page(body, "customers", lines)
    found = lines.getvalue().split(b"\n")
    assert found.pop() == b""
    assert len(found) == page.records
    return found


@examples(100)
@given(records=st.lists(JSON, max_size=5), indent=st.none() | st.integers(0, 2), ascii_only=st.booleans())
def test_records_are_what_any_json_reader_finds(records: list[Any], indent: int | None, ascii_only: bool) -> None:
    content = {"of": [{"customers": []}], "page": 3, "customers": records, "pages": 4, "next": "]}", "total": 99}
    body = json.dumps(content, indent=indent, ensure_ascii=ascii_only).encode()

    page = read_page(body, "customers", paths=["page", "total", "none"])
    assert (page.records, page.found) == (len(records), {"page": b"3", "total": b"99"})
    assert [json.loads(line) for line in lines_of(body)] == records


def test_a_record_keeps_its_bytes() -> None:
    odd = ['{"a" : 1.10,"b":1e400}', r'{"a":"\u00e9\ud800\"]}"}', '{"a":1,"a":2}', "7", "null", "[[1], 2]"]
    assert lines_of(page_of(f"[{','.join(odd)}]")) == [record.encode() for record in odd]


def test_a_record_over_several_lines_becomes_one_and_a_broken_one_stays_broken() -> None:
    written_wide = '[{\r\n "a": 1\n}, {"a": "x\ny"}]'
    wide, broken = lines_of(page_of(written_wide))

    assert json.loads(wide) == {"a": 1}
    # A line end inside of a text is not JSON, and nor is a tab.
    assert broken == b'{"a": "x\ty"}'


def test_what_is_broken_inside_of_a_record_is_left_to_the_readers() -> None:
    hostile = [b'{"a": tru}', b'{"a": "\xff\xfe"}', b"{a: 1,, }", b'{"a": NaN}', b"[" * 50_000 + b"]" * 50_000, b"{}"]
    assert lines_of(page_of("[]").replace(b"[]", b"[" + b",".join(hostile) + b"]")) == hostile


def test_a_byte_order_mark_and_space_around_are_no_part_of_it() -> None:
    assert lines_of(b"\xef\xbb\xbf \n" + page_of("[ {} , {} ]") + b"\r\n ") == [b"{}", b"{}"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "a value is missing at byte"),
        (b"[1]", "is not a JSON object"),
        (b"<html>", "is not JSON"),
        (b"{}", "lacks `customers`; its keys are none"),
        (b'{"page": 1, "error": "x"}', "lacks `customers`; its keys are `page`, `error`"),
        (page_of('[], "customers": []'), "has `customers` twice"),
        (page_of('[], "page": 1'), "has `page` twice"),
        (page_of("{}"), "no list under `customers`"),
        (page_of("[{} {}]"), "`]` is missing at byte"),
        (page_of("[{},]"), "a value is missing at byte"),
        (page_of("[,{}]"), "a value is missing at byte"),
        (page_of('[{"a": [1}]}]'), "a value does not end at byte"),
        (page_of('[{"a": "x}]'), "a value does not end at byte"),
        (page_of("[{}]")[:-1], "`}` is missing at byte"),
        (page_of("[{}]")[:-2], "`]` is missing at byte"),
        (page_of("[]") + page_of("[]"), "something follows its end"),
        (b'{"page": 1,}', "a key is missing"),
        (b'{page: 1}', "a key is missing"),
        (b'{"page" 1}', "`:` is missing"),
    ],
)  # fmt: skip
def test_what_is_no_page_is_told(body: bytes, told: str) -> None:
    with pytest.raises(PageError, match=told):
        read_page(body, "customers", paths=["page"])


@pytest.mark.parametrize(
    ("records", "body"),
    [
        ("data.items", b'{"items": [0], "data": {"next": {"items": 0}, "items": [{"a": 1}]}, "next": "x"}'),
        ("$", b' [ {"a": 1} ] '),
        ("@odata.value", b'{"@odata": {}, "@odata.value": [{"a": 1}]}'),
        ("data.odd.key", b'{"data": {"odd.key": [{"a": 1}], "odd": 3}}'),
    ],
)
def test_records_are_found_by_the_path_of_keys(records: str, body: bytes) -> None:
    lines = io.BytesIO()
    page = read_page(body, records, lines)
    assert (page.records, page.last, lines.getvalue()) == (1, b'{"a": 1}', b'{"a": 1}\n')


def test_a_list_that_some_write_as_null_is_empty() -> None:
    assert read_page(b'{"customers": null}', "customers").records == 0


@pytest.mark.parametrize(
    "body", [b'{"error": "maintenance"}', b"[]", b'{"data": []}', b'{"data": {"items": {}}}', b"3"]
)
def test_json_of_another_shape_is_told_apart_from_what_is_no_json(body: bytes) -> None:
    with pytest.raises(OtherShapeError):
        read_page(body, "data.items")


def test_a_cut_page_is_no_page_wherever_it_is_cut() -> None:
    body = page_of('[{"a": "x\\"y", "b": [1, {"c": null}]}, {"a": 2}]')
    for length in range(len(body)):
        with pytest.raises(PageError) as error:
            read_page(body[:length], "customers")
        # What is cut off is no other shape: asked for again, it may come whole.
        assert not isinstance(error.value, OtherShapeError)
