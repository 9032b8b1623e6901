"""A file that Tidegate wrote and goes on writing, until a person changes it: its first line says what it was."""

from __future__ import annotations

import hashlib

SIGNATURE = "# Written by `tidegate init` from the settings. Once it is changed by hand, init leaves it alone. "


def signed(content: str) -> str:
    return f"{SIGNATURE}{hashlib.sha256(content.encode()).hexdigest()[:16]}\n{content}"


def has_signature(text: str) -> bool:
    return text.startswith(SIGNATURE)


def is_unchanged(text: str) -> bool:
    """Whether it is what was signed."""
    return has_signature(text) and text == signed(content_of(text))


def content_of(text: str) -> str:
    """What stands below the signature."""
    return text.partition("\n")[2]
