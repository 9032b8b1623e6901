"""Making a home: its lake, its Dagster instance, and the parsed dbt project. Nothing else makes one."""

from __future__ import annotations

from tidegate.home import Home
from tidegate.lake.config import LakeConfig
from tidegate.ledger.upkeep.opening import make_lake
from tidegate.orchestration.instance.dagster_home import make_instance
from tidegate.settings import Settings
from tidegate.window import Cadence


def initialise(settings: Settings) -> Home:
    """The home of these settings, with what it lacks made. What is there stays as it is.

    Raises TidegateError for contracts or a dbt project that cannot work, and for a data folder of another lake.
    """
    make_lake(LakeConfig.of(settings)).close()
    make_instance(settings)
    home = Home(settings)
    _ = home.products_of(Cadence.daily)
    home.dbt.logic()
    return home
