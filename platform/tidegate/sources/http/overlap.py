"""Pages that overlap: an API that is asked for what came since a moment repeats the records of that moment."""

from __future__ import annotations

from collections import Counter

from tidegate.sources.http.pages import Lines


class Overlap:
    """Passes on lines that the page before did not have, as often as it had them.

    An API that is asked for what came since a moment repeats the records of that moment on the next page.
    """

    def __init__(self, lines: Lines | None) -> None:
        self._lines = lines
        self._before: Counter[bytes] = Counter()
        self._page: Counter[bytes] = Counter()
        self.passed_on = 0

    def begin_page(self) -> None:
        self._before, self._page, self.passed_on = self._page, Counter(), 0

    def write(self, line: bytes, /) -> None:
        self._page[line] += 1
        if self._page[line] <= self._before[line]:
            return
        self.passed_on += 1
        if self._lines is not None:
            self._lines.write(line)
