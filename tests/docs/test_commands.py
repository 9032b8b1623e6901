"""Every command in README.md and docs/ is run: here, section by section, or by a test that is named here.

Each section of a page (`##`) is typed into a new terminal at the root of a clone whose home holds published days of
the demo shop. A new page needs nothing but commands that work there. What cannot be run here stands in RUN_ELSEWHERE,
with where it is; what must be another on another machine (a port, a folder) in `as_on_this_machine`. What a section
says that a file holds is written first.
"""

from __future__ import annotations

import ast
import csv
import datetime as dt
import json
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.docs.docs_clone import fresh_clone
from tests.docs.docs_commands import tidegate_commands
from tests.docs.docs_pages import Block, Page, pages
from tests.docs.docs_shell import environment_of, terminal
from tests.docs.docs_warm import forked
from tests.support.runs.processes import IMPORTED_ONCE
from tests.support.servers import PostgresAddress, postgres_database

from tidegate.demo.deliveries import demo_landing
from tidegate.demo.shop import write_shop
from tidegate.settings import CHECKOUT

FIRST, DAYS = dt.date(2024, 1, 1), 3
LAST = FIRST + dt.timedelta(days=DAYS - 1)
DAY = FIRST + dt.timedelta(days=1)

# By command: a file that runs it, and the words there by which one sees it.
RUN_ELSEWHERE = {
    "make run": ("tests/cli/test_tour.py", '"make", "run"'),
    "make test": (".ci/run", "make test"),
    "make dev": ("tests/support/ui/server.py", '"make", "dev"'),
    'DAGSTER_HOME="$PWD/.tidegate/dagster" .venv/bin/dagster job execute -m tidegate.definitions -j daily '
    '--tags \'{"dagster/partition": "DAY"}\'': ("tests/e2e/test_gate.py", '"dagster", "job", "execute"'),
    # It needs two publications that differ.
    'tidegate rollback --partition DAY --to PUBLICATION --reason "The shop counted twice"': (
        "tests/e2e/test_rollback.py",
        '"rollback", "--partition"',
    ),
    # It needs the id of a change.
    'tidegate rollback --change CHANGE --reason "The finance team was wrong"': (
        "tests/changes/test_commands.py",
        '"rollback", "--change"',
    ),
    # They need an incident, and channels.
    'tidegate incidents ack late/orders --reason "The shop\'s server is being repaired"': (
        "tests/alerting/test_commands.py",
        "incidents ack",
    ),
    "tidegate incidents silence older_logic/daily_sales --until 2030-01-31": (
        "tests/alerting/test_commands.py",
        "incidents silence",
    ),
    "tidegate alerts check": ("tests/alerting/test_commands.py", "alerts check"),
    "tidegate alerts test --channel mail": ("tests/alerting/test_commands.py", "alerts test --channel hook"),
    # Minutes to an hour each; the one for `big` is run here, with fewer lines.
    "make benchmark": ("Makefile", "python -m benchmarks"),
    ".venv/bin/python -m benchmarks --case day --runs 5": ("benchmarks/__main__.py", "--case day"),
    ".venv/bin/python -m benchmarks --case year --days 31 --contenders limit tidegate": (
        "benchmarks/__main__.py",
        "--contenders",
    ),
}

# Of `tidegate`, what has another name on the pages.
CALLED_OTHERWISE = {"demo tour": "make run"}

# Pages and sections with a test of their own.
FOLLOWED_ELSEWHERE = {
    ("docs/tour.md", None),
    ("CONTRIBUTING.md", None),
    ("docs/serving.md", "Postgres and S3"),
    # As far as no cluster is needed: tests/deploy.
    ("docs/many-machines.md", "Install the chart"),
}
SECTIONS = [
    pytest.param(page, section, id=f"{page.name}: {section or 'top'}")
    for page in pages()
    for section in dict.fromkeys(block.section for block in page.blocks if block.language == "sh")
    if FOLLOWED_ELSEWHERE.isdisjoint({(page.name, None), (page.name, section)})
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A clone whose `tidegate` starts warm, and whose home holds some days of the demo shop, published."""
    clone = fresh_clone(tmp_path_factory.mktemp("pages") / "tidegate")
    landing = clone / ".tidegate" / "landing"
    write_shop(demo_landing(landing), first_day=FIRST, days=DAYS, orders_per_day=60, seed=7, dirt=False)
    with forked(clone / ".venv" / "bin" / "tidegate", IMPORTED_ONCE):
        with terminal(clone, environment_of(clone)) as shell:
            shell.run("tidegate init")
            shell.run(f"tidegate backfill --from {FIRST} --to {LAST}")
        yield clone


@pytest.fixture(scope="module")
def typed() -> set[str]:
    """What was typed already in the clone's own home. What several sections say alike is typed once."""
    return set()


@pytest.fixture(scope="module")
def shop_database(postgres_address: PostgresAddress) -> Iterator[str]:
    with postgres_database(postgres_address) as settings:
        yield settings


@pytest.fixture
def as_on_this_machine(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """A command with what a reader fills in, and with ports and folders that are free here. All else stays as it is."""
    port = two_free_ports()
    replacements: dict[str, Callable[[], str]] = {
        r"\bDAY\b": lambda: str(DAY),
        r"\bTIME\b": lambda: f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%S}",
        r"/tmp/": lambda: f"{tmp_path}/",
        r"\b8100\b": lambda: str(port),
        r"\b8101\b": lambda: str(port + 1),
        r"\b9000\b": lambda: str(port),
        r"host=db\.shop\.example [^']*": lambda: str(request.getfixturevalue("shop_database")),
        r"\bonline_retail\.parquet\b": lambda: str(some_retail(tmp_path / "online_retail.parquet")),
        r"(benchmarks --case big) --lines 1000000": lambda: (
            rf"\1 --lines 2000 --runs 1 --contenders limit --data {tmp_path}"
        ),
    }

    def replace(text: str) -> str:
        for pattern, value in replacements.items():
            if re.search(pattern, text):
                text = re.sub(pattern, value(), text)
        return text

    return replace


@pytest.mark.parametrize(("page", "section"), SECTIONS)
def test_every_command_works(
    page: Page, section: str, clone: Path, typed: set[str], as_on_this_machine: Callable[[str], str]
) -> None:
    of_section = [block for block in page.blocks if block.section == section]
    blocks = [block for block in of_section if block.language == "sh"]
    for block in of_section:
        if block.file:
            (clone / block.file).write_text(as_on_this_machine(block.text), encoding="utf-8")
    if any("curl " in block.text for block in blocks) and not shutil.which("curl"):
        pytest.skip("needs curl")
    is_at_home = not any("export " in block.text for block in blocks)
    with ExitStack() as terminals:
        shell = terminals.enter_context(terminal(clone, environment_of(clone)))
        for block in filter(is_run_here, blocks):
            text = as_on_this_machine(block.text)
            if block.expected == "goes on":
                terminals.enter_context(terminal(clone, environment_of(clone))).start(text)
            elif not (is_at_home and typed.issuperset(block.commands)):
                shell.run(text, fails=block.expected == "fails")
            if is_at_home:
                typed.update(block.commands)


def is_run_here(block: Block) -> bool:
    """Whether no command of it is run elsewhere. Raises AssertionError where some are and others are not."""
    elsewhere = [command for command in block.commands if command in RUN_ELSEWHERE]
    here = [command for command in block.commands if command not in RUN_ELSEWHERE]
    assert not (elsewhere and here), f"line {block.line}: give {elsewhere} a block of their own, or run them here"
    return bool(here)


@pytest.mark.parametrize("command", RUN_ELSEWHERE)
def test_what_is_run_elsewhere_is_on_a_page_and_run_there(command: str) -> None:
    path, words = RUN_ELSEWHERE[command]

    assert command in {command for page in pages() for block in page.blocks for command in block.commands}
    assert words in (CHECKOUT / path).read_text(encoding="utf-8")


def test_every_command_of_tidegate_is_on_a_page() -> None:
    """To be typed, or in a sentence, which `test_pages` holds against the commands that there are."""
    typed = [line for page in pages() for block in page.blocks for line in block.text.splitlines()]
    named = [code for page in pages() for code in page.inline_code]

    assert [
        name for name in tidegate_commands() if not any(f"tidegate {name}" in line for line in [*typed, *named])
    ] == list(CALLED_OTHERWISE)


def test_the_notebook_shows_what_is_published(clone: Path, tmp_path: Path) -> None:
    cells = json.loads((clone / "examples" / "notebook" / "published.ipynb").read_text(encoding="utf-8"))["cells"]
    script = tmp_path / "notebook.py"
    script.write_text("\n".join(as_a_script(cell) for cell in cells if cell["cell_type"] == "code"), encoding="utf-8")
    sales = "select count(*) as days, sum(net_revenue) as revenue from serving.daily_sales"
    with terminal(clone, environment_of(clone)) as shell:
        ((days, revenue),) = csv.reader(shell.run(f'tidegate query "{sales}" --format csv').splitlines()[1:])
        shown = shell.run(f".venv/bin/python {script}")
    assert int(days) == DAYS
    assert f"(Decimal('{revenue}'),)" in shown
    # Of the mart, and of the ledger.
    for day in (FIRST, LAST):
        assert shown.count(str(day)) == 2


def as_a_script(cell: dict[str, Any]) -> str:
    """A cell that prints, as a notebook does, what its last line is, if it is anything."""
    tree = ast.parse("".join(cell["source"]))
    if isinstance(shown := tree.body[-1], ast.Expr):
        tree.body[-1] = ast.parse(f"print({ast.unparse(shown)})").body[0]
    return ast.unparse(tree)


def two_free_ports() -> int:
    """A free port whose next one is free too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def some_retail(path: Path) -> Path:
    """A file of the shape of UCI Online Retail, with ten lines on each day of its first week."""
    duckdb.sql(
        """
        select
            format('{}', 536365 + day * 10 + line) as "InvoiceNo", '85123A' as "StockCode", 'HEART' as "Description",
            6 as "Quantity", timestamp '2010-12-01 08:26:00' + to_days(day::integer) as "InvoiceDate",
            2.55 as "UnitPrice", format('{}', 17850 + line) as "CustomerID", 'United Kingdom' as "Country"
        from range(7) as days(day), range(10) as lines(line)
        """
    ).write_parquet(str(path))
    return path
