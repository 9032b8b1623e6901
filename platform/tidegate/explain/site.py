"""The Markdown of the whole site in one folder, for Sphinx to turn into pages.

    python -m tidegate.explain FOLDER

The guides are copied as they are, README.md becomes the front page, what stands beside it (the licence, how to
contribute) follows the guides, and beside them come the generated pages.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tidegate.contract.reading.odcs import load_contracts
from tidegate.errors import TidegateError
from tidegate.explain.marts import mart_page, marts_of, marts_page, sources_behind
from tidegate.explain.sources import readers_of, source_page, sources_page
from tidegate.lake.config import LakeConfig
from tidegate.ledger.upkeep.opening import make_lake
from tidegate.settings import CHECKOUT, Settings, load_settings
from tidegate.transform.invoke import write_docs
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.project import DbtProject
from tidegate.transform.tables import create_missing_tables

# The order in which a newcomer reads. Guides that are not named here follow by name.
READING_ORDER = (
    "tour",
    "your-own-project",
    "how-it-works",
    "contracts",
    "models",
    "python-models",
    "dbt-package",
    "your-own-dagster",
    "serving",
    "exports",
    "operating",
    "on-call",
    "settings",
    "dependencies",
    "benchmarks",
)

# Beside README.md, for people who take part.
FOR_CONTRIBUTORS = ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md")

# What Sphinx takes over into the site without reading it (`html_extra_path`).
AS_IT_IS = "as-it-is"

# Stands in every folder that was written here, and so may be written again.
MARKER = ".tidegate-site"


def write_site(folder: Path) -> None:
    """Write the sources of the site into `folder`, in place of those that it wrote there before. Nothing of any home is
    read or changed.

    Raises ContractError for a contract that cannot work, and TidegateError for a dbt project that cannot be read, or
    for a folder that holds something else.
    """
    _empty(folder)
    shutil.copytree(CHECKOUT / "docs", folder)
    (folder / MARKER).touch()
    shutil.copy(CHECKOUT / "LICENSE", folder)
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(home=Path(home))
        beside = {name: _from_within_docs(name) for name in FOR_CONTRIBUTORS}
        generated = {**_generated_pages(settings), **beside, "index.md": _front_page(folder)}
        _write_dbt_pages(settings, folder / AS_IT_IS / "dbt")
    for name, content in generated.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def _empty(folder: Path) -> None:
    """Remove what `write_site` made. Raises TidegateError for a folder of somebody else's."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise TidegateError(
            f"{folder} holds something that the site's sources are not. Nothing was deleted or written. "
            "Name a folder that is empty or still to be made, or delete this one yourself."
        )
    shutil.rmtree(folder, ignore_errors=True)


def _generated_pages(settings: Settings) -> dict[str, str]:
    """Of every source and mart one, and of each kind one with all; by path."""
    contracts = load_contracts(settings.contracts, settings.zone)
    manifest = DbtProject(settings).manifest()
    marts = marts_of(manifest)
    read_by = readers_of(contracts, sources_behind(manifest))
    pages = {f"sources/{name}.md": source_page(contract, read_by[name]) for name, contract in contracts.items()}
    pages |= {f"marts/{mart.name}.md": mart_page(manifest, mart) for mart in marts}
    pages["sources/index.md"] = sources_page(contracts.values()) + _contents("", sorted(contracts))
    pages["marts/index.md"] = marts_page(manifest) + _contents("", [mart.name for mart in marts])
    return pages


def _front_page(folder: Path) -> str:
    """README.md with the site's table of contents."""
    readme = _from_within_docs("README.md")
    there = sorted(path.stem for path in folder.glob("*.md"))
    guides = [name for name in READING_ORDER if name in there]
    guides += [name for name in there if name not in READING_ORDER]
    decisions = sorted(f"decisions/{path.stem}" for path in (folder / "decisions").glob("*.md"))
    return "".join(
        [
            readme,
            _contents("Guides", guides),
            _contents("Reference", ["sources/index", "marts/index"]),
            _contents("Contributing", [*(Path(name).stem for name in FOR_CONTRIBUTORS), *decisions]),
        ]
    )


def _from_within_docs(name: str) -> str:
    """A page of the checkout as it looks from within docs/."""
    return (CHECKOUT / name).read_text(encoding="utf-8").replace("](docs/", "](")


def _contents(caption: str, pages: list[str]) -> str:
    """A table of contents for the side of the page."""
    return "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}" if caption else "", "", *pages, "```", ""])


def _write_dbt_pages(settings: Settings, folder: Path) -> None:
    """dbt's own documentation, one file that needs no server, over a lake in which every table is there and empty."""
    project, lake = DbtProject(settings), LakeConfig.of(settings)
    graph = Graph(project.manifest())
    with make_lake(lake) as opened:
        create_missing_tables(opened, graph, tuple(graph.models.values()))
    folder.mkdir(parents=True)
    shutil.copyfile(write_docs(project, lake, settings.scratch / "docs"), folder / "index.html")
