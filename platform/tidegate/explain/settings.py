"""docs/settings.md: every setting in one table, made of their class.

python -m tidegate.explain.settings > docs/settings.md
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tidegate.explain.markdown import code, markup, page, table
from tidegate.settings import Settings

HOW_THEY_ARE_GIVEN = """# Settings

Every setting is an environment variable; the project's `.env` file is read as well, and the environment
wins. A relative path in `.env` is relative to the project. Secrets are no settings: `PGPASSWORD`,
`AWS_SECRET_ACCESS_KEY` and their like stay in the environment, under the names their own clients give
them."""


def settings_page() -> str:
    rows = [
        (code(f"TIDEGATE_{name.upper()}"), _shown_default(field.default), markup(field.description or ""))
        for name, field in Settings.model_fields.items()
    ]
    return page(HOW_THEY_ARE_GIVEN, table(("variable", "default", "meaning"), rows))


def _shown_default(default: object) -> str:
    if isinstance(default, Path):
        return f"{code(str(default))} in the project" if len(default.parts) == 1 else "see right"
    # An empty text, or none at all, is filled in from the home or the machine; the description says how.
    is_shown = isinstance(default, str | int | float | dt.date | Path) and default != ""
    return code(str(default)) if is_shown else "see right"


if __name__ == "__main__":
    print(settings_page(), end="")
