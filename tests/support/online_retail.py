"""UCI Online Retail as it is published. The file is not part of the checkout, so a variable says where it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Read when the tests are collected: no test sees the environment of whoever runs them.
VARIABLE = "TIDEGATE_TEST_ONLINE_RETAIL"
FILE = Path(os.environ.get(VARIABLE, "")).resolve()

needs_online_retail = pytest.mark.skipif(
    not FILE.is_file(), reason=f"needs the file of UCI Online Retail: set {VARIABLE} to its path, see CONTRIBUTING.md"
)
