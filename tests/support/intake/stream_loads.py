"""Loads of a stream in processes that a test kills: one that has imported everything, and forks a loader when told.

    python stream_loads.py HOME CONTRACT DAY

Then a line with brokers and a seed for each loader. It says the loader's process id, and with which code it ended.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import sys
from pathlib import Path

from tests.support.intake.shop import open_shop_in

from tidegate.errors import TidegateError
from tidegate.window import ONE_DAY, Window


def _load_for_ever(home: Path, contract: str, first: dt.date, seed: int) -> None:
    chance = random.Random(seed)
    shop = open_shop_in(home, contract)
    while True:
        try:
            shop.load(Window.of_day(first + ONE_DAY * chance.randrange(3)))
        except TidegateError as error:
            print(error, file=sys.stderr, flush=True)


def main() -> None:
    home, contract, first = Path(sys.argv[1]), Path(sys.argv[2]).read_text(), dt.date.fromisoformat(sys.argv[3])
    print("ready", flush=True)
    for line in sys.stdin:
        brokers, seed = line.split()
        child = os.fork()
        if child == 0:
            os.environ["BROKERS"] = brokers
            _load_for_ever(home, contract, first, int(seed))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
