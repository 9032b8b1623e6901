"""How Sphinx makes the site of what `python -m tidegate.explain` wrote. `make docs` runs both."""

from __future__ import annotations

from pygments.lexers.special import TextLexer
from pygments.lexers.templates import SqlJinjaLexer
from sphinx.application import Sphinx

project = "Tidegate"
extensions = ["myst_parser"]

# `[lineage](dbt:model/model.shop.daily_sales)` leads into dbt's own pages, from a page one folder down.
myst_url_schemes = {"http": None, "https": None, "dbt": {"url": "../dbt/index.html#!/{{path}}"}}
myst_heading_anchors = 5
# Pages are Markdown and nothing else; generated ones hold words of people who write contracts.
myst_disable_syntax = ["html_block", "html_inline"]

# dbt's own pages.
html_extra_path = ["as-it-is"]

html_theme = "furo"
html_title = "Tidegate"
html_copy_source = False
html_show_copyright = False


def setup(app: Sphinx) -> None:
    """All SQL here is dbt's, with Jinja in it; of CSV, Pygments knows nothing."""
    app.add_lexer("sql", SqlJinjaLexer)
    app.add_lexer("csv", TextLexer)
