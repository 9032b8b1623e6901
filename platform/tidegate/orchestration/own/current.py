"""The home whose definitions this process has, for what a user's file asks of it when it is loaded and when it runs."""

from __future__ import annotations

from tidegate.home import Home
from tidegate.settings import load_settings

_HOMES: dict[str, Home] = {}


def enter_home(home: Home) -> None:
    """Have this home be what a file that is loaded from now on belongs to."""
    folder = str(home.settings.home)
    _HOMES.pop(folder, None)
    _HOMES[folder] = home


def home_at(folder: str) -> Home:
    """The home in a folder, as this process's definitions have it, or of this process's settings."""
    if folder not in _HOMES:
        enter_home(Home(load_settings(home=folder)))
    return _HOMES[folder]


def current_home() -> Home:
    """The home that was entered last; that of this process's settings where none was, as in a test of the file."""
    return next(reversed(_HOMES.values())) if _HOMES else home_at(str(load_settings().home))
