"""The settings, for commands. What checks them takes 0.2 s to import, for which help does not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidegate.settings import Settings


def load_settings(**overrides: object) -> Settings:
    from tidegate import settings

    return settings.load_settings(**overrides)


def settings_of_a_reader() -> Settings:
    from tidegate import settings

    return settings.settings_of_a_reader()
