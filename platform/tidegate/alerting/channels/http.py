"""A request to a channel's server: once, with a short limit, and in words that hold nothing of its address."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import httpx

from tidegate.errors import TidegateError

# A tick of the sensor has 60 s for all channels.
SECONDS = 10.0


# Their logs have the address of every request.
logging.getLogger("httpcore").setLevel(logging.INFO)
logging.getLogger("httpx").setLevel(logging.WARNING)


class ChannelError(TidegateError):
    """The channel did not take the message. The text holds nothing of its address or token."""


def post_json(url: str, body: object, headers: Mapping[str, str] | None = None) -> None:
    """Send `body`. Raises ChannelError unless the server took it."""
    _ask("POST", url, json=body, headers=headers)


def ping(url: str) -> None:
    """Ask for an address. Raises ChannelError unless the server answered that it is well."""
    _ask("GET", url)


def _ask(method: str, url: str, **options: Any) -> None:
    try:
        answer = httpx.request(method, url, timeout=SECONDS, follow_redirects=False, **options)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ChannelError("The variable holds no address that begins with https:// or http://.") from error
    except UnicodeError:
        # A name of a host, or a token, that no request can have; the error repeats it.
        raise ChannelError("The variable holds what cannot be part of a request.") from None
    except httpx.HTTPError as error:
        raise ChannelError(f"Its server cannot be reached ({type(error).__name__}).") from error
    if not answer.is_success:
        raise ChannelError(f"Its server answered {answer.status_code}.")
