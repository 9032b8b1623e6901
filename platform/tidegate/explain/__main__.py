"""`python -m tidegate.explain FOLDER`: the sources of the site, made again."""

from __future__ import annotations

import sys
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.explain.site import write_site

if __name__ == "__main__":
    try:
        write_site(Path(sys.argv[1]))
    except TidegateError as error:
        sys.exit(str(error))
