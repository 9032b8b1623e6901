"""A server of type `python`: the function that makes a day's rows, and what it needs."""

from __future__ import annotations

import re

from tidegate.contract.python import PythonServer
from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.outside import VARIABLE, read_text, read_time_limit, required_text
from tidegate.contract.reading.written import read_texts

PYTHON_PROPERTIES = ("callable", "ready", "environment", "timeLimitSeconds")

_FUNCTION = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"
)


def read_python(doc: Document, custom: Written, at: At) -> PythonServer:
    """Raises ContractError for a function that cannot be called so. Whether it is there is found when it is called."""
    function = required_text(doc, custom, "callable", "which function makes a day's rows", at)
    ready = read_text(doc, custom, "ready")
    for name, text in (("callable", function), ("ready", ready)):
        if text is not None and not _FUNCTION.fullmatch(text):
            raise doc.refused(custom[name][1], f"'{text}' does not name a function", "write it as 'feeds.orders:rows'")
    needs = read_texts(doc, custom, "environment", ())
    if wrong := [name for name in needs if not VARIABLE.fullmatch(name)]:
        # Not shown: it may be the secret itself.
        what = f"entry {needs.index(wrong[0]) + 1} is not a name of an environment variable"
        raise doc.refused(custom["environment"][1], what, "write the variables' names, never their values")
    return PythonServer(function, ready, needs, read_time_limit(doc, custom) or PythonServer.time_limit_seconds)
