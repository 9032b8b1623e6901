"""Asking an HTTP API that may fail in any way, within one time limit over everything that is asked.

Which failures may pass, how often and after what pause a request is made again, and what never leaves this process (the
token, towards another host or into a message) is decided here. What a good answer is, the caller says.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import httpx
import tenacity

from tidegate.addresses import climbs, without_secrets
from tidegate.errors import RefusedError, SourceDownError, TidegateError

T = TypeVar("T")

# A server that takes longer for either is as good as down; the time limit cuts what is slow but steady.
CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
# Requests that hang must leave time for all attempts.
WAITING_SHARE = 1 / 10

# With a first pause of a second: 1, 2, 4, 8 and 16 s, which outlasts a restart of the other side.
ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 1.0
# Who has little time pauses little: 1 s of the 600 that a capture has by default.
PAUSE_SHARE = 1 / 600

# A thousand customers take some 100 KB; one page is all that is ever held in memory.
MAX_BODY = 32 << 20
MAX_REDIRECTS = 5

# An answer of another shape was made so. Once more, for one that a proxy in between has made.
ATTEMPTS_AT_A_SHAPE = 2

# What servers call JSON that do not call it by its name.
_TYPES_OF_JSON = frozenset(
    {"application/json", "text/json", "text/plain", "text/javascript", "application/javascript", "application/x-json"}
)

# Their logs tell all headers of an answer, where a server may repeat the token, and every address that is asked.
logging.getLogger("httpcore").setLevel(logging.INFO)
logging.getLogger("httpx").setLevel(logging.WARNING)


class PassingError(Exception):
    """An answer, or none, that may be another one when asked again. The text reads on from 'the last time '."""

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        super().__init__(what)
        self.retry_after = retry_after


class WrongShapeError(PassingError):
    """An answer that is no page of the contract's. The text reads on from 'the answer '."""


class MeansOfSigningIn(Protocol):
    """What signs requests, see `http.sign_in`."""

    def sign(self, request: httpx.Request, send: Callable[[httpx.Request], bytes], /) -> None: ...

    def forget(self) -> bool: ...


@dataclass(frozen=True)
class Question:
    """What is asked: by GET, or with a body by POST. The address has no secret in it."""

    url: httpx.URL
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Reply:
    """What was answered; `headers` by lower-case names, `links` of the Link header by what they lead to."""

    body: bytes
    headers: Mapping[str, str]
    links: Mapping[str, str]


class TimedClient:
    """The requests of one capture. `base` is all that is asked and signed in at, `seconds` the limit over it all."""

    def __init__(
        self, base: httpx.URL, signer: MeansOfSigningIn, seconds: float, per_minute: int | None = None
    ) -> None:
        self._base = base
        self._signer = signer
        self._pace = 60 / per_minute if per_minute else 0.0
        self._next_at = 0.0
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "tidegate"}
        self._limit = _TimeLimit(seconds)
        self._pause = min(FIRST_PAUSE_SECONDS, seconds * PAUSE_SHARE)
        self._client = httpx.Client(headers=headers, follow_redirects=False)

    def __enter__(self) -> Self:
        self._limit.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._limit.stop()
        self._client.close()

    def ask(self, question: Question, check: Callable[[Reply], T]) -> tuple[bytes, T]:
        """The body of the answer and what `check` makes of it; asked again after whatever raises PassingError.

        Raises SourceDownError when attempts or time are used up, TidegateError when asking again cannot help, and
        before anything is asked for an address outside of the base.
        """
        if not is_below(self._base, question.url):
            raise outside_of(self._base)

        def attempt() -> tuple[bytes, T]:
            reply = self._reply(question)
            return reply.body, check(reply)

        return self.persist(attempt, str(question.url), attempts=ATTEMPTS)

    def persist(self, attempt: Callable[[], T], what: str, attempts: int) -> T:
        """`attempt()`, made again after PassingError as long as attempts and time last. Raises SourceDownError, or
        TidegateError where the answer is one, and of another shape."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(PassingError),
            wait=self._pause_after,
            stop=lambda state: (
                state.attempt_number >= _attempts_after(state, attempts)
                or state.upcoming_sleep >= self._limit.seconds_left
            ),
            reraise=True,
        )
        try:
            return retrying(attempt)
        except WrongShapeError as error:
            raise TidegateError(
                f"{what} does not answer as the contract says: the answer {error}. What was loaded before stays. "
                "Correct the server in the contract, or ask who runs the API, and run again."
            ) from error
        except PassingError as error:
            tries = retrying.statistics["attempt_number"]
            times = "once" if tries == 1 else f"{tries} times"
            no_more = f", and more does not fit into its {self._limit.seconds:g} s" if tries < attempts else ""
            raise SourceDownError(f"{what} was asked for {times}{no_more}. The last time {error}.") from error

    def _pause_after(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        # Jitter, so that many who were turned away together do not come back together.
        jitter: float = random.uniform(0, self._pause)  # noqa: S311
        if isinstance(error, PassingError) and error.retry_after is not None:
            return error.retry_after + jitter
        return self._pause * float(1 << (state.attempt_number - 1)) + jitter

    def _reply(self, question: Question) -> Reply:
        try:
            return self._reply_of_signed(question)
        except _NotLetInError as refusal:
            # A token that the other side has taken back may be good when it is fetched again.
            if not self._signer.forget():
                raise
            with suppress(_NotLetInError):
                return self._reply_of_signed(question)
            raise refusal from None

    def _reply_of_signed(self, question: Question) -> Reply:
        request = self._request("POST" if question.body is not None else "GET", question.url, question.body)
        for _ in range(MAX_REDIRECTS):
            self._signer.sign(request, self._send_elsewhere)
            with self._explaining_what_failed(), self._open(request) as response:
                if response.next_request is None:
                    _refuse_by_status(response, question.url)
                    return Reply(self._body(response), _by_name(response.headers), _links(response))
                request = self._refuse_elsewhere(request, response.next_request)
        raise PassingError(f"it redirected more than {MAX_REDIRECTS} times")

    def _request(self, method: str, url: httpx.URL, body: Mapping[str, Any] | None) -> httpx.Request:
        return self._client.build_request(method, url, json=body, extensions=self._limits())

    def _send_elsewhere(self, request: httpx.Request) -> bytes:
        """The body of the answer of another address, which is not redirected from."""
        request.extensions = self._limits()
        with self._explaining_what_failed(), self._open(request) as response:
            try:
                _refuse_by_status(response, request.url)
            except RefusedError as error:
                # Without a token no day can be asked for, so it is as good as down.
                raise TidegateError(str(error)) from None
            return self._body(response)

    def _limits(self) -> dict[str, Any]:
        longest = min(self._limit.seconds * WAITING_SHARE, self._limit.seconds_left)
        timeout = httpx.Timeout(min(READ_SECONDS, longest), connect=min(CONNECT_SECONDS, longest))
        return {"timeout": timeout.as_dict(), "trace": self._limit.watch}

    @contextmanager
    def _open(self, request: httpx.Request) -> Iterator[httpx.Response]:
        self._wait_for_my_turn()
        self._limit.refuse_when_over()
        response = self._client.send(request, stream=True)
        try:
            yield response
        finally:
            response.close()

    def _wait_for_my_turn(self) -> None:
        """Not more requests a minute than the contract says."""
        pause = self._next_at - time.monotonic()
        if pause > 0:
            time.sleep(min(pause, self._limit.seconds_left))
        self._next_at = time.monotonic() + self._pace

    def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        for block in response.iter_bytes():
            body += block
            if len(body) > MAX_BODY:
                raise PassingError(f"it sent more than the {MAX_BODY >> 20} MiB that a page may have")
        # Where a body's length is not announced, cutting it off looks like its end.
        self._limit.refuse_when_over()
        return bytes(body)

    @contextmanager
    def _explaining_what_failed(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            self._limit.refuse_when_over()
            raise PassingError(_in_words(error)) from error
        except (httpx.DecodingError, httpx.InvalidURL) as error:
            raise PassingError("it sent what HTTP does not allow") from error

    def _refuse_elsewhere(self, asked: httpx.Request, request: httpx.Request) -> httpx.Request:
        """The sign-in is for what the base URL names, and for nothing else that an answer names."""
        if not is_below(self._base, request.url):
            # Its path and query are not shown: whoever redirects may write a token of theirs there.
            where = f"{request.url.scheme}://{request.url.host}"
            raise PassingError(f"it redirected to {where}, and nothing outside of {self._base} is asked")
        if request.method != asked.method:
            raise WrongShapeError(f"redirects what is asked by {asked.method} to another address")
        return request


class _TimeLimit:
    """How long a capture may take. When it is over, the open connections are shut: a dripping server ends then, too."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends_at = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True
        self._connection: Any = None

    def start(self) -> None:
        self._ends_at = time.monotonic() + self.seconds
        self._timer.start()

    def stop(self) -> None:
        self._timer.cancel()

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._ends_at - time.monotonic())

    @property
    def is_over(self) -> bool:
        return self.seconds_left == 0

    def refuse_when_over(self) -> None:
        if self.is_over:
            raise PassingError(f"it was not done within {self.seconds:g} s")

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpx at every step: knows the connection that is to be shut."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._connection = info["return_value"]
            if self.is_over:
                self._shut()

    def _shut(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def outside_of(base: httpx.URL) -> TidegateError:
    """The error for an address that is not below the base."""
    return TidegateError(
        f"The contract's location leads out of its base {base}, so nothing was asked and nothing was changed. "
        "Write it as '{base}/...', below the base, and run again."
    )


def is_below(base: httpx.URL, url: httpx.URL) -> bool:
    """Whether a URL has the base's scheme, host and port, and a path at or below the base's."""
    same_origin = (url.scheme, url.host, url.port) == (base.scheme, base.host, base.port)
    path, top = (of.raw_path.partition(b"?")[0].decode("ascii").rstrip("/") for of in (url, base))
    return same_origin and f"{path}/".startswith(f"{top}/") and not url.userinfo and not climbs(path)


class _NotLetInError(TidegateError):
    """The API does not accept how we sign in."""


def _attempts_after(state: tenacity.RetryCallState, attempts: int) -> int:
    """How often to ask at most, after an attempt that failed."""
    error = state.outcome.exception() if state.outcome else None
    return min(attempts, ATTEMPTS_AT_A_SHAPE) if isinstance(error, WrongShapeError) else attempts


def _by_name(headers: httpx.Headers) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _links(response: httpx.Response) -> Mapping[str, str]:
    return {name: link["url"] for name, link in response.links.items() if name and "url" in link}


def _refuse_by_status(response: httpx.Response, asked: httpx.URL) -> None:
    """Raises PassingError for what may pass, RefusedError and TidegateError for what is ours to fix."""
    status = response.status_code
    told = _named(status)
    # Not the response's own: a key may be in it.
    place = without_secrets(str(asked))
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise PassingError(f"it answered {told}", retry_after=_retry_after(response.headers.get("Retry-After")))
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise _NotLetInError(f"{place} was refused: it answered {told}, so the token is missing, wrong or spent.")
    if status >= HTTPStatus.BAD_REQUEST:
        raise RefusedError(f"{place} was refused: it answered {told}, and asking again cannot change that.")
    if status != HTTPStatus.OK:
        raise PassingError(f"it answered {told} where 200 (OK) is expected")
    media_type = response.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower()
    if media_type not in _TYPES_OF_JSON and not media_type.endswith("+json"):
        shown = "an HTML page" if media_type == "text/html" else "something else"
        raise PassingError(f"it answered with {shown} where JSON is expected")


def _named(status: int) -> str:
    with suppress(ValueError):
        return f"{status} ({HTTPStatus(status).phrase})"
    return str(status)


def _retry_after(header: str | None) -> float | None:
    """The seconds that a Retry-After asks for, be it written in seconds or as a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    return max(0.0, (at - dt.datetime.now(dt.UTC)).total_seconds())


def _in_words(error: httpx.TransportError) -> str:
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return "it took too long to connect"
        case httpx.TimeoutException():
            return "it took too long to answer"
        case httpx.ConnectError():
            return f"it could not be reached ({_cause(error)})"
        case httpx.ProxyError():
            return "the proxy in between refused"
    return "the connection broke off in the middle of the answer"


def _cause(error: BaseException) -> str:
    """What the system says of a failed connection."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError) and cause.reason:
            return f"TLS failed: {cause.reason.lower().replace('_', ' ')}"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    return "no connection"
