"""By which encoding bytes are text: as the mark says, UTF-8 where it fits, else the likeliest with its words shown."""

from __future__ import annotations

import codecs
import re

from tidegate.drafting.asked import DraftError, Note

UTF_8 = "utf-8"

# Those that people's exports are in, by region; charset-normalizer tells them apart.
_LIKELY = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"]
_NAMED = {"cp1250": "windows-1250", "cp1251": "windows-1251", "cp1252": "windows-1252", "cp1253": "windows-1253"}
# Of a language that only has some letters with accents, so many stand side by side at most.
_ACCENTS_IN_A_ROW = 2
_LOOKED_AT = 1 << 18
_SHOWN_WORDS = 4


def encoding_of(data: bytes, asked: str | None) -> tuple[str, tuple[Note, ...]]:
    """The encoding and why. Raises DraftError for bytes that are no text."""
    if asked:
        return asked, ()
    if data.startswith(codecs.BOM_UTF8):
        return UTF_8, ()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", (Note("encoding", "the file begins with the mark of UTF-16"),)
    if b"\0" in data[:_LOOKED_AT]:
        return _with_nuls(data)
    if _is(data, UTF_8) or _has_letters_of_utf8(data):
        return UTF_8, ()
    return _likeliest(data)


def _with_nuls(data: bytes) -> tuple[str, tuple[Note, ...]]:
    head = data[:_LOOKED_AT]
    share = {name: head[at::2].count(0) / max(1, len(head) // 2) for name, at in (("utf-16-be", 0), ("utf-16-le", 1))}
    name = max(share, key=lambda each: share[each])
    if share[name] > 0.4 and _is(data[: len(data) // 2 * 2], name):
        return name, (Note("encoding", "every other byte is zero, as in UTF-16 without a mark"),)
    raise DraftError("holds bytes that are no text, and is of no format that is known. Nothing was written.")


def _is(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeError:
        return False
    return True


def _has_letters_of_utf8(data: bytes) -> bool:
    """Whether some letters are UTF-8: then a line that is none is broken, and the file is not of another encoding."""
    return bool(re.search("[^\x00-\x7f\udc80-\udcff]", data.decode(UTF_8, "surrogateescape")))


def _likeliest(data: bytes) -> tuple[str, tuple[Note, ...]]:
    from charset_normalizer import from_bytes

    lines = b"\n".join(line for line in data.split(b"\n") if not line.isascii())[:_LOOKED_AT]
    runs = max(map(len, re.findall(rb"[\x80-\xff]+", lines)), default=0)
    name = "windows-1252"
    if runs > _ACCENTS_IN_A_ROW or not _is(data, "cp1252"):
        best = from_bytes(lines, cp_isolation=_LIKELY).best()
        if best is None:
            raise DraftError("is text of an encoding that cannot be told. Say it with --encoding. Nothing was written.")
        name = _NAMED.get(best.encoding, best.encoding)
    words = dict.fromkeys(re.findall(r"\w*[^\x00-\x7f]+\w*", lines.decode(name, "replace")))
    shown = ", ".join(f"'{word}'" for word in list(words)[:_SHOWN_WORDS])
    text = f"not UTF-8; as {name} it reads {shown}. If these are wrong, draft again with --encoding"
    return name, (Note("encoding", text),)
