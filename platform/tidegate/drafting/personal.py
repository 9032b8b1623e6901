"""Columns that hold data of people, guessed by their names and values. A guess, to be looked at by who knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from duckdb import DuckDBPyConnection

from tidegate.drafting import words
from tidegate.drafting.choice import Choice
from tidegate.drafting.typed import TYPED
from tidegate.lake.sql import quoted

_LOOKED_AT = 2_000
_MOST = 0.8

_KINDS = {
    "email": r"e_?mail|email_address|mail",
    "phone": r"phone|telephone|tel|mobile|cell|fax|handy|telefon",
    "iban": r"iban|bank_account|account_number",
    "card": r"card|card_(number|no|nr)|cc|cc_number|pan|credit_card|credit_card_(number|no|nr)",
    "name": r"(first|last|middle|given|family|full|sur|user|customer|contact|person|patient|employee|holder)_?name"
    r"|surname|forename|vorname|nachname|nom|prenom|owner",
    "address": r"address|street|strasse|addr|house_number|zip|zipcode|plz|postcode|postal_code",
    "birth": r"birth|birthday|birthdate|born|dob|date_of_birth",
    "national id": r"ssn|social_security|passport|tax_id|national_id|nino",
    "ip address": r"ip|ip_address|client_ip|remote_addr",
}
_NAMES = [(kind, re.compile(rf"(^|_)({words_})($|_)")) for kind, words_ in _KINDS.items()]
_PEOPLE = re.compile(r"customer|person|people|user|member|employee|patient|contact|subscriber|guest|staff|lead|client")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PHONE = re.compile(r"(?:\+|00)[1-9][0-9 ()/.-]{6,18}|\(?[0-9]{3}\)?[ -][0-9]{3}-[0-9]{4}")
_IP = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)")


def with_personal(con: DuckDBPyConnection, source: str, choices: Sequence[Choice]) -> list[Choice]:
    """The choices, those marked that look like data of people."""
    return [_marked(con, source, choice) for choice in choices]


def _marked(con: DuckDBPyConnection, source: str, choice: Choice) -> Choice:
    name = words.snake(choice.delivered)
    by_name = next((kind for kind, pattern in _NAMES if pattern.search(name)), "")
    if not by_name and name == "name" and _PEOPLE.search(source):
        by_name = "name"
    kind = _by_values(con, choice) or (by_name if choice.logical_type in ("string", "date") else "")
    if by_name == "card" and choice.logical_type != "string":
        kind = ""
    if not kind:
        return choice
    because = "its values look so" if kind != by_name else "its name says so"
    return choice.noting(f"looks like personal data ({kind}: {because}); remove the mark if it is none", personal=kind)


def _by_values(con: DuckDBPyConnection, choice: Choice) -> str:
    if choice.logical_type != "string":
        return ""
    column = quoted(choice.name)
    rows = con.execute(
        f"select distinct {column} from {TYPED} where {column} is not null limit {_LOOKED_AT}"
    ).fetchall()
    values = [str(value).strip() for (value,) in rows]
    kinds: dict[str, Callable[[str], bool]] = {
        "email": lambda text: bool(_EMAIL.fullmatch(text)),
        "iban": _is_iban,
        "card": _is_card,
        "ip address": lambda text: bool(_IP.fullmatch(text)),
        "phone": lambda text: bool(_PHONE.fullmatch(text)),
    }
    for kind, looks in kinds.items():
        if values and sum(map(looks, values)) >= _MOST * len(values):
            return kind
    return ""


def _is_iban(text: str) -> bool:
    plain = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", plain):
        return False
    digits = "".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])
    return int(digits) % 97 == 1


def _is_card(text: str) -> bool:
    plain = re.sub(r"[ -]", "", text)
    if not re.fullmatch(r"[2-6][0-9]{12,18}", plain):
        return False
    doubled = [int(digit) * (2 if at % 2 else 1) for at, digit in enumerate(reversed(plain))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
