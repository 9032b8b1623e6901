"""What servers outside of landing say in custom properties: variables of the environment, texts, a time limit."""

from __future__ import annotations

import re
from typing import Any

from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.written import whole_number

# A fetch that takes longer than a day would meet the next one.
MAX_TIME_LIMIT_SECONDS = 86_400

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_time_limit(doc: Document, custom: Written) -> int | None:
    return whole_number(doc, custom, "timeLimitSeconds", 1, MAX_TIME_LIMIT_SECONDS, "seconds")


def required_text(doc: Document, custom: Written, name: str, says: str, at: At) -> str:
    text = read_text(doc, custom, name)
    if text is None:
        raise doc.refused(at, f"the server does not say {says}", f"write the custom property '{name}'")
    return text


def required_variable(doc: Document, custom: Written, name: str, holds: str, at: At) -> str:
    variable = read_variable(doc, custom, name)
    if variable is None:
        what = f"the server does not say which environment variable holds {holds}"
        raise doc.refused(at, what, f"write its name as the custom property '{name}'")
    return variable


def read_variable(doc: Document, custom: Written, name: str) -> str | None:
    variable = read_text(doc, custom, name)
    if variable is not None and not VARIABLE.fullmatch(variable):
        # Not shown: it may be the secret itself.
        what = f"{name} is not a name of an environment variable"
        raise doc.refused(custom[name][1], what, "write the variable's name, never its value")
    return variable


def read_text(doc: Document, custom: Written, name: str) -> str | None:
    if name not in custom:
        return None
    value: Any
    value, at = custom[name]
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise doc.refused(at, f"'{name}' is not text", "write it in quotes")
