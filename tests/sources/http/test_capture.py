"""Capturing over HTTP: how often a page is asked for, what is refused, and what is never told to whom."""

from __future__ import annotations

import email.utils
import gzip
import json
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.intake.archives import folder_archive
from tests.support.intake.http_shop import DAY, WITH_TOKEN, Answer, api, customer, page

from tidegate.archive.manifest import Captured
from tidegate.contract.http import BearerToken, HttpServer
from tidegate.contract.reading.odcs import load_contract
from tidegate.errors import ContractError, SourceDownError, TidegateError
from tidegate.sources.http import client as http_client
from tidegate.sources.http.client import ATTEMPTS
from tidegate.sources.http.source import HttpOrigin
from tidegate.sources.origin import Outside

ONE = page(1, 1, 1, customer(1))
TOKEN = "t0ken-nobody-may-see"


class Home:
    """An archive, and who fills it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def capture(
        self,
        url: str,
        token: str | None = None,
        seconds: int = 60,
        location: str = "{base}/customers?as_of={day}",
    ) -> Captured:
        server = HttpServer(
            location,
            base_url_variable="CRM_URL",
            sign_in=None if token is None else BearerToken("CRM_TOKEN"),
            records="customers",
            time_limit_seconds=seconds,
        )
        outside = Outside("", str(self.folder), {"CRM_URL": url, "CRM_TOKEN": token or ""})
        return HttpOrigin("crm", server, outside).capture(folder_archive(self.folder), "customers", DAY)

    def failure(self, url: str, token: str | None = None, seconds: int = 60) -> str:
        """What capturing raises as passing."""
        with pytest.raises(SourceDownError) as error:
            self.capture(url, token, seconds)
        assert not (self.folder / "deliveries").exists()
        return str(error.value)

    def refusal(self, url: str, token: str | None = None, **other: str) -> str:
        """What capturing raises as not passing."""
        with pytest.raises(TidegateError) as error:
            self.capture(url, token, **other)  # type: ignore[arg-type]
        assert not isinstance(error.value, SourceDownError)
        return str(error.value)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(ONE.body, content_type=None),
        Answer(ONE.body, content_type="application/vnd.crm+json; charset=utf-8"),
        Answer(gzip.compress(json.dumps(ONE.body).encode()), headers={"Content-Encoding": "gzip"}),
        Answer(ONE.body, announced=False),
        Answer(b"\xef\xbb\xbf" + json.dumps(ONE.body, indent=2).encode() + b"\r\n"),
        page(1, 0, 0),
        page(1, 1, 0),
    ],
)
def test_answers_that_are_as_good(home: Home, answer: Answer) -> None:
    with api(answer) as crm:
        assert [file.name for file in home.capture(crm.url).files] == ["page-00001.json"]


def test_the_base_address_may_have_a_path(home: Home) -> None:
    with api(ONE) as crm:
        home.capture(f"{crm.url}/api/v2/")
    assert crm.paths == ["/api/v2/customers?as_of=2024-01-05&page=1"]


# --- how often a page is asked for


def test_what_may_pass_is_asked_for_again(home: Home) -> None:
    broken = [
        Answer({}, status=500),
        Answer({}, status=503, headers={"Retry-After": "0"}),
        Answer({}, status=429, headers={"Retry-After": email.utils.formatdate(usegmt=True)}),
        Answer({}, status=429, headers={"Retry-After": "soon"}),
        Answer(b'{"page": 1'),
    ]
    with api(*broken, ONE) as crm:
        home.capture(crm.url)
    assert len(crm.asked) == len(broken) + 1 == ATTEMPTS


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer({}, status=500), "it answered 500 (Internal Server Error)."),
        (Answer({}, status=599), "it answered 599."),
        (Answer({}, status=429), "it answered 429 (Too Many Requests)."),
        (Answer({}, status=204), "it answered 204 (No Content) where 200 (OK) is expected."),
        (Answer(b"<p>", content_type="text/html"), "it answered with an HTML page where JSON is expected."),
        (Answer(b"a,b", content_type="text/csv"), "it answered with something else where JSON is expected."),
        (Answer(b'{"page": 1'), "its answer is not JSON: `}` is missing at byte 11 of 10."),
        (Answer(b'{"page": 1', announced=False), "its answer is not JSON: `}` is missing at byte 11 of 10."),
        (Answer(ONE.body, headers={"Content-Encoding": "gzip"}), "it sent what HTTP does not allow."),
        (Answer(b"{", headers={"Content-Length": "99"}), "the connection broke off in the middle of the answer."),
        (page(2, 2, 2, customer(1)), "it sent page 2 in place of page 1."),
        (page(1, 100_000, 1), "it announced 100,000 pages, above the 99,999 that are read."),
        (Answer({}, status=302, headers={"Location": "/customers"}), "it redirected more than 5 times."),
        (Answer({}, status=302, headers={"Location": "http://["}), "it redirected to http://%5B, and nothing outside"),
        (
            Answer({}, status=302, headers={"Location": "gopher://x"}),
            "it redirected to gopher://x, and nothing outside",
        ),
    ],
)
def test_what_does_not_pass_ends_in_a_clear_failure(home: Home, answer: Answer, told: str) -> None:
    with api(answer) as crm:
        failure = home.failure(crm.url)
    asked = f"{crm.url}/customers?as_of=2024-01-05&page=1 was asked for 6 times. The last time {told}"
    assert failure.startswith(asked)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 410, 422])
def test_what_asking_again_cannot_help_is_asked_for_once(home: Home, status: int) -> None:
    with api(Answer({}, status=status, headers={"Retry-After": "0"})) as crm:
        assert f"was refused: it answered {status} (" in home.refusal(crm.url)
    assert len(crm.asked) == 1


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (
            [page(1, 2, 2, customer(1)), page(2, 3, 3, customer(2))],
            "2 records on 2 pages with page 1, and 3 records on 3",
        ),
        (
            [page(1, 2, 2, customer(1)), page(2, 2, 3, customer(2))],
            "2 records on 2 pages with page 1, and 3 records on 2",
        ),
        ([page(1, 1, 3, customer(1))], "it sent 1 records on 1 pages and announced 3"),
        ([page(1, 3, 2, *map(customer, range(3)))], "it sent 3 records up to page 1 and announced 2"),
    ],
)
def test_pages_that_disagree_are_read_once_more_and_then_refused(home: Home, answers: list[Answer], told: str) -> None:
    with api(*answers, *answers) as crm:
        failure = home.failure(crm.url)
    assert "customers?as_of=2024-01-05 was asked for 2 times. The last time" in failure
    assert told in failure
    assert len(crm.asked) == 2 * len(answers)


def test_a_snapshot_that_changed_while_it_was_read_is_read_once_more(home: Home) -> None:
    pages = [page(1, 2, 3, customer(1), customer(2)), page(2, 2, 3, customer(3))]
    with api(page(1, 2, 2, customer(1)), pages[1], *pages) as crm:
        assert len(home.capture(crm.url).files) == 2
    assert len(crm.asked) == 4


@pytest.mark.parametrize("retry_after", ["9", "9" * 30, "9" * 400, email.utils.formatdate(4e9, usegmt=True)])
def test_a_pause_that_does_not_fit_into_the_time_limit_is_not_made(home: Home, retry_after: str) -> None:
    with api(Answer({}, status=429, headers={"Retry-After": retry_after})) as crm:
        failure = home.failure(crm.url, seconds=8)
    assert "was asked for once, and more does not fit into its 8 s. The last time it answered 429" in failure
    assert len(crm.asked) == 1


def test_pauses_double_with_jitter_and_a_longer_one_is_made_when_asked_for(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(http_client, "FIRST_PAUSE_SECONDS", 1.0)
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
    asks_for_more = Answer({}, status=503, headers={"Retry-After": "40"})
    with api(*[Answer({}, status=500)] * 3, asks_for_more, Answer({}, status=500), ONE) as crm:
        home.capture(crm.url, seconds=600)

    for pause, smallest in zip(pauses, [1, 2, 4, 40, 16], strict=True):
        assert smallest <= pause <= smallest + 1
    assert len({pause % 1 for pause in pauses}) == len(pauses)


def test_a_server_that_drips_its_headers_meets_the_time_limit(home: Home) -> None:
    """The read timeout begins again with every byte: only the time limit ends this."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not over.wait(0.02):
                    connection.sendall(b".")

        dripping = threading.Thread(target=drip)
        dripping.start()
        started = time.monotonic()
        failure = home.failure(f"http://127.0.0.1:{server.getsockname()[1]}", seconds=1)
        took = time.monotonic() - started
        over.set()
        dripping.join()
    assert "it was not done within 1 s." in failure
    assert took < 10


def test_what_is_wrong_with_a_connection_is_told(home: Home) -> None:
    with api(ONE) as crm:
        failure = home.failure(crm.url.replace("http:", "https:"))
    assert "it could not be reached (TLS failed: wrong version number)." in failure


def test_a_page_is_bounded(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "MAX_BODY", 1 << 20)
    with api(Answer(ONE.body | {"padding": "x" * (1 << 20)})) as crm:
        assert "it sent more than the 1 MiB that a page may have." in home.failure(crm.url)


# --- what is never told


@pytest.mark.parametrize(
    "location",
    [
        "{base}.evil.example/{day}",
        "{base}@{day}.evil.example/",
        "{base}:8080/{day}",
        "{base}0/{day}",
        "{base}\\@evil.example/{day}",
        "{base}/../admin?{day}",
        "{base}/customers/..%2F..%2fadmin/{day}",
        "{base}/%252e%252e/admin/{day}",
        "{base}/..;/admin/{day}",
        "//evil.example/{base}/{day}",
    ],
)
def test_a_source_outside_of_its_base_is_not_asked(home: Home, location: str) -> None:
    """Refused when the contract is read; and before a request, where a contract came another way."""
    contract = home.folder / "customers.odcs.yaml"
    contract.write_text(WITH_TOKEN.replace('"{base}/customers?as_of={day}"', f"'{location}'"))
    with pytest.raises(ContractError, match=r"yaml:11: .* (where a day's pages are|leads out of its base)"):
        load_contract(contract)
    with api(ONE) as crm:
        bases = [f"{crm.url}/api", f"{crm.url}/api/"]
        # Nothing is above the root of a host.
        for base in bases if "/.." in location else [crm.url, *bases]:
            assert "leads out of its base" in home.refusal(base, TOKEN, location=location)
    assert crm.asked == []


def test_a_redirect_out_of_the_path_of_the_base_is_not_followed(home: Home) -> None:
    with api(Answer({}, status=307, headers={"Location": "/other/customers?token=s3cret"})) as crm:
        failure = home.failure(f"{crm.url}/api", TOKEN)
    assert "and nothing outside of" in failure
    assert "s3cret" not in failure
    assert {path for path, _ in crm.asked} == {"/api/customers?as_of=2024-01-05&page=1"}


@pytest.mark.parametrize("place", ["http://localhost:{port}/elsewhere", "https://127.0.0.1:{port}/", "//127.0.0.1:9/"])
def test_no_other_host_is_asked_and_none_gets_the_token(home: Home, place: str) -> None:
    with api(ONE) as other:
        port = other.url.rpartition(":")[2]
        with api(Answer({}, status=307, headers={"Location": place.format(port=port)})) as crm:
            failure = home.failure(crm.url, TOKEN)
    assert "and nothing outside of http://127.0.0.1" in failure
    assert TOKEN not in failure
    assert other.asked == []


def test_a_redirect_on_the_same_host_is_followed(home: Home) -> None:
    moved = Answer({}, status=308, headers={"Location": "/v2/customers?as_of=2024-01-05&page=1"})
    with api(moved, ONE) as crm:
        home.capture(crm.url, TOKEN)
    assert crm.paths[1] == "/v2/customers?as_of=2024-01-05&page=1"
    assert crm.asked[1][1]["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    "url",
    ["", "crm.example.com", "ftp://crm", "http://user:s3cret@127.0.0.1", "http://127.0.0.1/?key=s3cret", "http://"],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused_unseen(home: Home, url: str) -> None:
    refusal = home.refusal(url)
    assert "The environment variable CRM_URL" in refusal
    assert "s3cret" not in refusal


@pytest.mark.parametrize("token", ["", " ", "s3cret s3cret", "s3cret\u00e9", "s3cret\r\nX: y"])
def test_a_token_that_is_none_is_refused_unseen(home: Home, token: str) -> None:
    with api(ONE) as crm:
        refusal = home.refusal(crm.url, token)
    assert "The environment variable CRM_TOKEN" in refusal
    assert "s3cret" not in refusal
    assert crm.asked == []
