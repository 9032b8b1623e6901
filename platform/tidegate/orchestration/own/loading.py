"""Taking a user's file of definitions into Tidegate's. What is wrong with it is said with file and line, in the UI as
well, and everything of Tidegate's loads without it."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import dagster as dg

from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.orchestration.own.current import enter_home
from tidegate.orchestration.own.resource import TidegateResource

# The user's file as a module. Those beside it are imported by their own names.
MODULE = "tidegate_own_definitions"

# Where the UI shows that the file is broken.
BROKEN = dg.AssetKey(["own", "definitions_are_broken"])


@dataclass(frozen=True)
class Trouble:
    """Why a user's definitions are left out."""

    file: Path
    line: int | None
    what: str

    @property
    def sentence(self) -> str:
        where = f"{self.file}, line {self.line}" if self.line else str(self.file)
        return (
            f"{where}: {self.what}\nNone of its assets, sensors, schedules and jobs are loaded; everything else is. "
            "Correct the file and reload the code location."
        )


def with_own_definitions(home: Home, tidegates: dg.Definitions) -> tuple[dg.Definitions, Trouble | None]:
    """Tidegate's definitions with those of the user's file, where there is one that can be used."""
    file = home.settings.defs
    if not file.is_file():
        asked_for = file != home.settings.project / "python" / "definitions.py"
        missing = Trouble(file, None, "TIDEGATE_DEFS names it, and there is no such file.")
        return (_with_trouble(tidegates, missing), missing) if asked_for else (tidegates, None)
    enter_home(home)
    try:
        return _merged(home, tidegates, _definitions_in(_imported(file))), None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever somebody's code raises
        trouble = trouble_of(file, error)
        return _with_trouble(tidegates, trouble), trouble


def _imported(file: Path) -> ModuleType:
    if (folder := str(file.parent)) not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(MODULE, file)
    if spec is None or spec.loader is None:
        raise TidegateError("it is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    spec.loader.exec_module(module)
    return module


def _definitions_in(module: ModuleType) -> dg.Definitions:
    found = getattr(module, "defs", None)
    if not isinstance(found, dg.Definitions):
        raise TidegateError("it has no `defs`. Write at its end: defs = dg.Definitions(assets=[...], sensors=[...])")
    return found


def _merged(home: Home, tidegates: dg.Definitions, own: dg.Definitions) -> dg.Definitions:
    resource = (
        {} if "tidegate" in (own.resources or {}) else {"tidegate": TidegateResource(home=str(home.settings.home))}
    )
    merged = dg.Definitions.merge(tidegates, own, dg.Definitions(resources=resource))
    # What two have in common is found only when all is resolved.
    dg.Definitions.validate_loadable(merged)
    return merged


def trouble_of(file: Path, error: BaseException) -> Trouble:
    """What an error says, and the line of the user's own code that it comes from."""
    if isinstance(error, SyntaxError) and error.filename:
        return Trouble(Path(error.filename), error.lineno, f"{error.msg}.")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(file.parent)]
    said = str(error) if isinstance(error, TidegateError) else f"{type(error).__name__}: {error}"
    return Trouble(Path(own[-1].filename), own[-1].lineno, said) if own else Trouble(file, None, said)


def _with_trouble(tidegates: dg.Definitions, trouble: Trouble) -> dg.Definitions:
    spec = dg.AssetSpec(
        BROKEN,
        description=trouble.sentence,
        group_name="own",
        metadata={"file": dg.MetadataValue.path(trouble.file), **({"line": trouble.line} if trouble.line else {})},
    )
    return dg.Definitions.merge(tidegates, dg.Definitions(assets=[spec]))
