"""The errors a person reads.

Every message says what happened, to which source and partition, what was kept, and what to do next.
Whoever catches one prints its text and no stack trace; any other exception is a bug and keeps its trace.
"""

from collections.abc import Mapping

from tidegate.addresses import without_secrets


class TidegateError(Exception):
    """Something a person can act on. The message is the whole story.

    It may repeat what a server, a driver or DuckDB said, and they like to repeat addresses. What may be a secret in
    one is hidden here, for everything that prints, logs or keeps the message.
    """

    def __init__(self, message: str) -> None:
        super().__init__(without_secrets(message))


class ContractError(TidegateError):
    """A contract that cannot work, found while loading it."""


class IncompleteError(TidegateError):
    """A delivery that is not there, or not whole yet. Nothing was changed; waiting for its source heals it."""


class SourceDownError(TidegateError):
    """A source outside cannot be reached, or fails in a way that may pass. Asking again later can heal it.

    An origin says what happened; what was kept, and what stands in, is added by whoever knows.
    """


class RefusedError(TidegateError):
    """A source answered and refuses what it was asked for, which asking again cannot change. It is no outage: other
    days may be fine."""


class ArchiveDownError(TidegateError):
    """The archive cannot be reached. Running again later can heal it."""


class ColumnTypeError(TidegateError):
    """A table with history cannot follow: `columns` should get another type, by name. Nothing was changed."""

    def __init__(self, message: str, columns: Mapping[str, str]) -> None:
        super().__init__(message)
        self.columns = columns


class NotInstalledError(TidegateError):
    """What is asked for needs a package that comes with one of Tidegate's extras."""

    def __init__(self, needs: str, package: str, extra: str) -> None:
        super().__init__(
            f"{needs} needs {package}, which is not installed. Nothing was changed. Install it: pip install "
            f"'tidegate[{extra}]', or make setup-all in a checkout of Tidegate."
        )


class LakeMissingError(TidegateError):
    """There is no lake where the settings say. Only `tidegate init` makes one."""


class LakeBusyError(TidegateError):
    """Another writer held the lake or a lease for longer than the set patience. Running again can heal it."""
