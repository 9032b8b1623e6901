"""Words that names of columns and values are told by. Lists only; each is evidence and no proof."""

from __future__ import annotations

import re

# Stand for no value in nearly every export; whatever else may be one is text.
NULL_WORDS = (
    *("NULL", "null", "Null", "\\N", "N/A", "n/a", "#N/A", "NA", "NaN", "nan", "NAN", "None", "none", "nil", "(null)"),
    *("<null>", "-", "--", "?", ".", "#NULL!", "n.a.", "missing", "unknown"),
)
# Nobody is called so: they mean none in a text column as well.
PLAIN_NULL_WORDS = ("NULL", "\\N", "#N/A", "N/A", "(null)", "<null>", "#NULL!", "NaN", "nan")

TRUTHS = (
    ("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"), ("ja", "nein"), ("j", "n"),
    ("oui", "non"), ("si", "no"), ("sí", "no"), ("wahr", "falsch"), ("vrai", "faux"),
)  # fmt: skip

CURRENCIES = (
    "€",
    "$",
    "£",
    "¥",
    "EUR",
    "USD",
    "GBP",
    "CHF",
    "JPY",
    "Fr.",
    "kr",
    "zł",
    "SEK",
    "NOK",
    "DKK",
    "PLN",
    "CAD",
    "AUD",
)

_IDENTIFIES = re.compile(
    r"(^|_)(id|ids|uuid|guid|key|code|sku|ean|gtin|isbn|iban|bic|zip|plz|postcode|postal|zipcode|phone|telephone|tel|mobile|fax"
    r"|account|number|no|nr|num|ref|reference|serial|hash|barcode|vat|ssn|card)$|(?<=[a-z])(Id|ID|Key|Code|No|Nr)$|^(id|uuid)$",
)
_COUNTS = re.compile(
    r"(^|_)(line|row|item|seq|sequence|position|pos|zeile|ligne|rank|page|step|version|count|qty)(_?(number|no|nr|num|id))?$"
)
_KEYS = re.compile(
    r"(^|_)(id|uuid|guid|key|number|no|nr|num|nummer|code|ref|reference|sku|auftrag|bestellung|rechnung|kennung|numero)$"
    r"|(?<=[a-z])(Id|ID|Key|No)$"
)
_MONEY = re.compile(
    r"(^|_)(amount|price|cost|costs|total|subtotal|discount|tax|vat|fee|fees|balance|revenue|gross|net|salary|payment|value"
    r"|turnover|margin|betrag|preis|summe|rabatt|montant|prix)($|_)"
)
_SIGNED = re.compile(
    r"(balance|delta|change|diff|profit|margin|gain|temp|temperature|lat|lon|longitude|latitude|offset|score|saldo)"
)
_TIMES = re.compile(
    r"(^|_)(at|on|date|day|dt|datum|date_time|datetime|time|timestamp|ts|when|created|updated|modified|ordered|paid|epoch|zeit)($|_)"
    r"|(?<=[a-z])(At|On|Date|Time|Ts)$"
)
_TRUTH_NAMES = re.compile(
    r"^(is|has|was|can|should)_|(_flag|_yn|^active|^enabled|^deleted|_active|_enabled)$|^(is|has)[A-Z]"
)
_KINDS = re.compile(
    r"(^|_)(status|state|type|kind|method|channel|gender|sex|level|priority|currency|unit|category|class|mode|tier|plan)$"
)
_SNAPSHOT = re.compile(
    r"(^|_)(birth|born|dob|expires?|expiry|valid|due|until|start|end|registered|joined|hired|updated|modified)"
)
_HAPPENED = re.compile(
    r"(^|_)(ordered|created|occurred|happened|event|paid|sold|booked|booking|posted|transaction|sale|invoice|order|payment|sent|placed)"
)


def snake(name: str) -> str:
    """`total_eur` of `TOTAL (EUR)`: a name that SQL takes without quotes, "" for one with no letter or digit."""
    broken = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    plain = re.sub(r"[^0-9a-z]+", "_", _ascii(broken).lower()).strip("_")
    return f"c_{plain}" if plain[:1].isdigit() else plain


def _ascii(text: str) -> str:
    import unicodedata

    text = text.replace("ß", "ss").replace("€", "eur").replace("%", " percent ").replace("#", " number ")
    text = re.sub("([äöüÄÖÜ])", r"\1e", text).translate({ord("ø"): "o", ord("Ø"): "O"})
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def counts(name: str) -> bool:
    """Whether a column of this name holds a place in an order: the line of an order."""
    return bool(_COUNTS.search(snake(name)))


def identifies(name: str) -> bool:
    """Whether digits in a column of this name are a name and no quantity."""
    return bool(_IDENTIFIES.search(snake(name)) or _IDENTIFIES.search(name)) and not counts(name)


def is_a_line(name: str) -> bool:
    """Whether a column of this name holds the place of a row within what its key names."""
    return counts(name) and bool(re.search("line|zeile|ligne|pos", snake(name)))


def may_be_a_key(name: str) -> bool:
    return bool(_KEYS.search(snake(name)))


def is_money(name: str) -> bool:
    return bool(_MONEY.search(snake(name)))


def may_be_negative(name: str) -> bool:
    return bool(_SIGNED.search(snake(name)))


def is_a_time(name: str) -> bool:
    return bool(_TIMES.search(snake(name)))


def is_a_truth(name: str) -> bool:
    return bool(_TRUTH_NAMES.search(name) or _TRUTH_NAMES.search(snake(name)))


def is_a_kind(name: str) -> bool:
    return bool(_KINDS.search(snake(name)))


def when_it_happened(name: str) -> int:
    """How much a name says that its time is the row's own event: more is surer."""
    plain = snake(name)
    if _SNAPSHOT.search(plain):
        return 0
    return 2 if _HAPPENED.search(plain) or plain in ("at", "time", "timestamp", "ts", "date", "day") else 1
