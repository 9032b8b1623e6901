"""A page of a listing is read here as the client reads it, or left to the client: whatever is in the page."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from xml.etree import ElementTree

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.examples import examples
from tests.support.s3_server import Bucket

from tidegate.errors import SourceDownError, TidegateError
from tidegate.storage.s3 import S3Storage
from tidegate.storage.s3_listing import read_listings_quickly

READ = ("Key", "LastModified", "ETag", "Size", "StorageClass")


class Answer:
    """A server's answer, as the client's own HTTP library gives it."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.body


@cache
def client_of(quick: bool) -> Any:
    client = boto3.session.Session().client(
        "s3",
        endpoint_url="http://127.0.0.1:9",
        region_name="us-east-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )
    if quick:
        read_listings_quickly(client)
    return client


@contextmanager
def answering(client: Any, body: bytes) -> Iterator[list[bytes]]:
    """Lets a server answer the client with `body`; gives what of it the client read itself, each time."""
    left: list[bytes] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, 200, {}, Answer(body))

    def note(response_dict: dict[str, Any], **_: Any) -> None:
        left.append(response_dict["body"])

    client.meta.events.register("before-send.s3", answer, unique_id="answer")
    # After all that is done before the client reads it.
    client.meta.events.register_last("before-parse", note, unique_id="note")
    try:
        yield left
    finally:
        client.meta.events.unregister("before-send.s3", unique_id="answer")
        client.meta.events.unregister("before-parse", unique_id="note")


def told(body: bytes, quick: bool) -> tuple[Any, bytes]:
    """What the client makes of a server's answer, and what of it the client read itself."""
    client = client_of(quick)
    try:
        with answering(client, body) as left:
            page = client.list_objects_v2(Bucket="bucket")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is to be the same
        return f"{type(error).__name__}: {re.sub(' at 0x.*', '', str(error))}", left[-1]
    del page["ResponseMetadata"]
    if "Contents" in page:
        page["Contents"] = [{name: found[name] for name in READ if name in found} for found in page["Contents"]]
    return comparable(page), left[-1]


def comparable(read: Any) -> Any:
    """What the client read, where it gives elements of XML for fields that are there twice."""
    match read:
        case dict():
            return {name: comparable(value) for name, value in read.items()}
        case list():
            return [comparable(value) for value in read]
        case ElementTree.Element():
            return read.tag, read.text
    return read


def page_of(
    *objects: str, head: str = "", tail: str = "", declared: str = '<?xml version="1.0" encoding="UTF-8"?>'
) -> str:
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'{declared}\n<ListBucketResult xmlns="{namespace}">{head}{"".join(objects)}{tail}</ListBucketResult>'


TIME = "<LastModified>2024-06-02T03:04:05.000Z</LastModified>"
HASH = "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag>"

REFERENCES = [
    "&amp;",
    "&lt;",
    "&gt;",
    "&quot;",
    "&apos;",
    "&#34;",
    "&#39;",
    "&#9;",
    "&#10;",
    "&#13;",
    "&#x9;",
    "&#xA;",
    "&#xD;",
]

# How servers write an object, as their sources and documentation have it.
WRITTEN = {
    "AWS": f"<Contents><Key>a/b.csv</Key>{TIME}{HASH}<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"
    "<ChecksumType>FULL_OBJECT</ChecksumType><Size>12</Size><StorageClass>STANDARD</StorageClass></Contents>",
    "rclone": "\n  <Contents>\n    <Key>a/b&amp;c.csv</Key>\n    <LastModified>2024-06-02T03:04:05.1Z</LastModified>\n"
    "    <ETag>d41d8cd98f00b204e9800998ecf8427e</ETag>\n    <Size>12</Size>\n"
    "    <StorageClass>STANDARD</StorageClass>\n  </Contents>\n",
    "with an owner": f"<Contents><Key>a/b.csv</Key>{TIME}<ETag>&#34;d41d&#34;</ETag><Size>12</Size>"
    "<Owner><ID>02d6</ID><DisplayName>minio</DisplayName></Owner><StorageClass>STANDARD</StorageClass></Contents>",
    "in another order": f"<Contents><Key>a/b.csv</Key><Size>12</Size>{TIME}{HASH}</Contents>",
    "with versions": f"<Contents><Key>a/b.csv</Key><Generation>1653</Generation><MetaGeneration>1</MetaGeneration>"
    f"{TIME}{HASH}<Size>12</Size></Contents>",
    "with references": f"<Contents><Key>{''.join(REFERENCES)}</Key>{TIME}{HASH}<Size>1</Size></Contents>",
    "with a type": f"<Contents><Key>größe 尺寸</Key>{TIME}{HASH}<Size>12</Size><Type>Normal</Type></Contents>",
}
AROUND = "<Name>shop</Name><Prefix>a/</Prefix><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"


@pytest.mark.parametrize("server", WRITTEN)
@pytest.mark.parametrize("around", ["head", "tail"])
def test_a_page_as_servers_write_it_is_read_here(server: str, around: str) -> None:
    page = page_of(WRITTEN[server] * 3, **{around: AROUND}).encode()
    expected, _ = told(page, quick=False)
    found, left = told(page, quick=True)

    assert found == expected
    assert len(found["Contents"]) == 3
    assert b"Contents" not in left


def test_keys_that_the_server_was_asked_to_encode_are_decoded() -> None:
    listed = f"<Contents><Key>a%2Fb+c%26%0A</Key>{TIME}{HASH}<Size>1</Size></Contents>"
    page = page_of(listed, head="<EncodingType>url</EncodingType>").encode()

    assert told(page, quick=True)[0]["Contents"][0]["Key"] == "a/b c&\n"


# What servers may write and none known to us does.
UNUSUAL = {
    "a section": f"<Contents><Key><![CDATA[a]]></Key>{TIME}{HASH}<Size>1</Size></Contents>",
    "a comment": f"<Contents><!-- x --><Key>a</Key>{TIME}{HASH}<Size>1</Size></Contents>",
    "an attribute": f'<Contents><Key x="1">a</Key>{TIME}{HASH}<Size>1</Size></Contents>',
    "a carriage return": f"<Contents><Key>a\r\nb</Key>{TIME}{HASH}<Size>1</Size></Contents>",
    "an unknown reference": f"<Contents><Key>&#128;</Key>{TIME}{HASH}<Size>1</Size></Contents>",
    "an object elsewhere": f"<Common><Contents><Key>a</Key>{TIME}{HASH}<Size>1</Size></Contents></Common>",
    "objects apart": f"{WRITTEN['AWS']}<Name>x</Name>{WRITTEN['AWS']}",
}

# What is in a page that is not for us to read. The client reads some of it, and refuses the rest.
LEFT = {
    "a field twice": f"<Contents><Key>a</Key><Key>b</Key>{TIME}{HASH}<Size>1</Size></Contents>",
    "another time": f"<Contents><Key>a</Key><LastModified>1717297445</LastModified>{HASH}<Size>1</Size></Contents>",
    "a time that is none": f"<Contents><Key>a</Key><LastModified>2024-13-02T03:04:05Z</LastModified>{HASH}</Contents>",
    "a size that is none": f"<Contents><Key>a</Key>{TIME}{HASH}<Size>x</Size></Contents>",
    "the end of a section": f"<Contents><Key>a]]>b</Key>{TIME}{HASH}<Size>1</Size></Contents>",
    "a forbidden character": f"<Contents><Key>a\x01b</Key>{TIME}{HASH}<Size>1</Size></Contents>",
    "a character that is none": f"<Contents><Key>a\uffff</Key>{TIME}{HASH}<Size>1</Size></Contents>",
    "a space that is none": f"<Contents>\x0b<Key>a</Key>{TIME}{HASH}<Size>1</Size></Contents>",
    "an object cut off": f"<Contents><Key>a</Key>{TIME}",
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_a_page_that_is_written_unusually_is_read_as_the_client_reads_it(kind: str) -> None:
    page = page_of(WRITTEN["AWS"], UNUSUAL[kind], head=AROUND).encode()

    assert told(page, quick=True)[0] == told(page, quick=False)[0]


def test_a_page_that_declares_another_encoding_is_read_as_the_client_reads_it() -> None:
    page = page_of(WRITTEN["with a type"], declared='<?xml version="1.0" encoding="latin-1"?>').encode()
    found, _ = told(page, quick=True)

    assert found == told(page, quick=False)[0]
    assert found["Contents"][0]["Key"] == "größe 尺寸"


@pytest.mark.parametrize("kind", LEFT)
def test_a_page_with_anything_else_is_left_to_the_client(kind: str) -> None:
    page = page_of(WRITTEN["AWS"], LEFT[kind], head=AROUND).encode()
    found, left = told(page, quick=True)

    assert left == page
    assert found == told(page, quick=False)[0]


@pytest.mark.parametrize("missing", ["Key", "LastModified", "ETag", "Size"])
def test_an_object_of_which_something_is_not_told_is_a_sentence(missing: str) -> None:
    fields = {"Key": "<Key>a</Key>", "LastModified": TIME, "ETag": HASH, "Size": "<Size>1</Size>"}
    del fields[missing]
    page = page_of(f"<Contents>{''.join(fields.values())}</Contents>").encode()
    folder = S3Storage.at("s3://bucket", client_of(quick=True), "TIDEGATE_LANDING", SourceDownError)

    with (
        answering(client_of(quick=True), page),
        pytest.raises(TidegateError, match=f"the server tells no {missing} of"),
    ):
        list(folder.files("a/"))


def test_an_error_in_disguise_is_an_error() -> None:
    error = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code><Message>No</Message></Error>'

    assert "ClientError: An error occurred (InternalError)" in told(error, quick=True)[0]


# Pieces of which pages are made: XML that says something, some of it not for us to read, and what is not XML.
SOUND = st.sampled_from(
    [
        *(
            "a",
            "/",
            "%2F",
            "+",
            " ",
            "\n",
            "\t",
            "é",
            "尺",
            "\U0001f600",
            "\u00a0",
            "\u2028",
            "\x7f",
            "\x85",
            "x" * 2_000,
        ),
        *("Contents", ":Contents", *REFERENCES),
    ]
)
ODD = st.sampled_from(
    [
        *("\r", "\r\n", ">", "&#128;", "&#xa;", "&#x10FFFF;", "\ufeff", "<?p?>", "<x/>", "<Contents/>"),
        *(
            "<![CDATA[<Key>b</Key>]]>",
            "<!-- <Key>b</Key> -->",
            "<x><Key>c</Key></x>",
            "<Owner><ID>1</ID> <N></N></Owner>",
        ),
    ]
)
BROKEN = st.sampled_from(
    [
        *("]]>", "\x00", "\x0b", "\x1f", "\ufffe", "\uffff", "&#0;", "&nbsp;", "&"),
        *("<", "</Key>", "</Contents>", "<Contents>"),
    ]
)
NAMES = st.sampled_from(["<Prefix/>", "<Name>b</Name>", "<EncodingType>url</EncodingType>", "<KeyCount>1</KeyCount>"])
NESTED = st.sampled_from(["<CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes>", "<IsTruncated>true</IsTruncated>"])
DECLARED = ['<?xml version="1.0" encoding="UTF-8"?>', "<?xml version='1.0'?>", ""]
OTHERWISE = ["\ufeff", "<!DOCTYPE ListBucketResult>", '<?xml version="1.0" encoding="latin-1"?>']
TIMES = st.builds(
    lambda moment, precision, zone: moment.isoformat(timespec=precision) + zone,
    st.datetimes(),
    st.sampled_from(["milliseconds", "seconds", "microseconds"]),
    st.sampled_from(["Z", "Z", "Z", "5Z", "", "+02:00"]),
)
SPACES = st.sampled_from(["", "\n  ", "\t"])


def fields(text: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    return st.one_of(
        st.tuples(st.sampled_from(["Key", "ETag", "StorageClass", "Owner", "Type", "Keys", "Contents"]), text),
        st.tuples(st.just("LastModified"), TIMES | text),
        st.tuples(st.just("Size"), st.integers(-2, 10**20).map(str) | text),
        st.just(("ChecksumAlgorithm", "CRC32")),
        st.just(("Owner", "<ID>1</ID> <DisplayName></DisplayName>")),
    )


@st.composite
def objects(draw: st.DrawFn, text: st.SearchStrategy[str]) -> str:
    size = str(draw(st.integers(0, 10**13)))
    found = [("Key", draw(text)), ("ETag", draw(text)), ("LastModified", draw(TIMES)), ("Size", size)]
    if draw(st.integers(0, 9)) == 7:
        found = found[draw(st.integers(0, 4)) :] + draw(st.lists(fields(text), max_size=2))
    space = draw(SPACES if draw(st.integers(0, 9)) != 7 else st.sampled_from(["\r\n", "\u00a0", "\x0b"]))
    written = "".join(f"<{name}>{value}</{name}>{space}" for name, value in draw(st.permutations(found)))
    return f"<Contents>{space}{written}</Contents>{space}"


@st.composite
def pages(draw: st.DrawFn) -> bytes:
    pieces = draw(st.sampled_from([SOUND, SOUND, SOUND | ODD, SOUND | ODD | BROKEN]))
    text = st.lists(pieces, max_size=3).map("".join)
    listed = draw(st.lists(objects(text), max_size=4))
    rarely = draw(st.integers(0, 9)) == 7
    head, tail = (draw(st.lists(NAMES | (pieces if rarely else NESTED), max_size=2).map("".join)) for _ in range(2))
    declared = draw(st.sampled_from(DECLARED + OTHERWISE * rarely))
    page = page_of(*listed, head=head, tail=tail, declared=declared).encode()
    if rarely:
        cut, skipped = draw(st.integers(0, len(page))), draw(st.integers(0, 30))
        page = page[:cut] + draw(st.sampled_from([b"", b"\xff", b"<", b"&", b"\xed\xa0\x80"])) + page[cut + skipped :]
    return page


@examples(300)
@given(pages())
@example(b"")
def test_whatever_is_in_a_page_is_what_the_client_says(page: bytes) -> None:
    assert told(page, quick=True)[0] == told(page, quick=False)[0]


def test_a_listing_read_quickly_is_the_same_listing(bucket: Bucket) -> None:
    for number in range(1_500):
        of_day = bucket.folder / "things" / f"{number // 5}"
        of_day.mkdir(parents=True, exist_ok=True)
        (of_day / f"{number % 5}.csv").touch()
    for key in ("things/größe & 尺寸/a b+c%.csv", "things/<tag>\n"):
        bucket.put(key, b"x")
    fresh = bucket.server.new_client()
    as_the_client_reads = S3Storage.at(bucket.url, fresh, "TIDEGATE_LANDING", SourceDownError)
    expected = list(as_the_client_reads.files(""))
    read_listings_quickly(fresh)
    found = list(as_the_client_reads.files(""))

    assert len(expected) == 1_502
    assert found == expected
    assert found[0].changed_at.tzinfo is not None
    assert abs(dt.datetime.now(dt.UTC) - found[0].changed_at) < dt.timedelta(minutes=5)


def test_an_empty_listing_read_quickly_is_empty(bucket: Bucket) -> None:
    client = bucket.server.new_client()
    read_listings_quickly(client)

    assert list(S3Storage.at(bucket.url, client, "TIDEGATE_LANDING", SourceDownError).files("nothing/")) == []
