"""Signing in at a server of SFTP, and asking it: from several threads, each on a channel of its own.

Who answers with another key than the file of known hosts has for the host gets neither password nor question. What may
be asked, and what an answer means, belongs to `sftp`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

from tidegate.errors import TidegateError

# A server that is there answers within a second, from anywhere. More than a minute is more than a sensor's tick has.
CONNECT_SECONDS = 15
ANSWER_SECONDS = 60

# A channel that nobody asked for longer is asked whether it still answers: its server may be gone without a word.
FRESH_SECONDS = 1.0

_KEPT = "Nothing was changed."

# What it would log is told in sentences; as it logs it, an exception comes with its stack.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class SftpSignIn:
    """Who signs in, and by which file of known hosts the server is known. With a key, a password, or both."""

    user: str
    known_hosts: str
    key_file: str | None = None
    key_passphrase: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


class SftpConnection:
    """One connection, made when the server is first asked, again when it broke, and ended with this object.

    `sign_in` is called for it. `place` is what people know the server by, `setting` what to fix when it is wrong, and
    `down` the error for a server that cannot be reached.
    """

    def __init__(
        self,
        host: str,
        port: int,
        sign_in: Callable[[], SftpSignIn],
        place: str,
        setting: str,
        down: type[TidegateError],
    ) -> None:
        self._host, self._port, self._sign_in = host, port, sign_in
        self._place, self._setting, self._down = place, setting, down
        self._client: paramiko.SSHClient | None = None
        # Each with when it answered last.
        self._idle: list[tuple[paramiko.SFTPClient, float]] = []
        self._connecting = threading.Lock()

    @contextmanager
    def asked(self, could_not: str) -> Iterator[paramiko.SFTPClient]:
        """A channel that nobody else asks meanwhile. `could_not` is how a message begins that says what went wrong."""
        try:
            sftp = self._channel()
        except Exception as error:
            raise self._meaning(error, could_not) from error
        is_answered = False
        try:
            yield sftp
            is_answered = True
        except (paramiko.SSHException, EOFError, OSError, UnicodeDecodeError) as error:
            raise self._meaning(error, could_not) from error
        finally:
            if is_answered:
                self._idle.append((sftp, time.monotonic()))
            else:
                # Answers that nobody took may still come.
                with suppress(Exception):
                    sftp.close()

    def _channel(self) -> paramiko.SFTPClient:
        with suppress(IndexError):
            idle, answered = self._idle.pop()
            if time.monotonic() - answered < FRESH_SECONDS or _answers(idle):
                return idle
            self._client = None
        with self._connecting:
            transport = self._client.get_transport() if self._client else None
            if self._client is None or transport is None or not transport.is_active():
                self._idle.clear()
                self._client = self._connected()
            sftp: paramiko.SFTPClient = self._client.open_sftp()
        channel = sftp.get_channel()
        if channel:
            channel.settimeout(ANSWER_SECONDS)
        return sftp

    def _connected(self) -> paramiko.SSHClient:
        sign_in, client = self._sign_in(), paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            client.load_host_keys(str(Path(sign_in.known_hosts).expanduser()))
        except OSError as error:
            raise TidegateError(
                f"{self._place} cannot be reached: its key is to be in the file {sign_in.known_hosts}, which cannot be "
                f"read ({error.strerror}). {_KEPT} {self._how_to_know()}"
            ) from error
        client.connect(
            self._host,
            self._port,
            username=sign_in.user,
            password=sign_in.password,
            pkey=self._key(sign_in),
            # Only what the environment says: no agent, and no keys that lie about.
            allow_agent=False,
            look_for_keys=False,
            timeout=CONNECT_SECONDS,
            banner_timeout=CONNECT_SECONDS,
            auth_timeout=CONNECT_SECONDS,
        )
        return client

    def _key(self, sign_in: SftpSignIn) -> paramiko.PKey | None:
        if not sign_in.key_file:
            return None
        passphrase = sign_in.key_passphrase.encode() if sign_in.key_passphrase else None
        try:
            return paramiko.PKey.from_path(Path(sign_in.key_file).expanduser(), passphrase)
        # What the libraries below raise for a file that is no key is not written anywhere.
        except Exception as error:
            said = error.strerror if isinstance(error, OSError) else "it is no private key that this passphrase opens"
            raise TidegateError(
                f"{self._place} cannot be reached: its key is to be in the file {sign_in.key_file}, which cannot be "
                f"read: {said}. {_KEPT} Correct the variables that name the file and its passphrase."
            ) from error

    def _meaning(self, error: Exception, could_not: str) -> TidegateError:
        match error:
            case TidegateError():
                return error
            case paramiko.BadHostKeyException():
                why = "the server has another key than the file of known hosts says, so it may be somebody else's"
                return TidegateError(f"{could_not}: {why}. No password was sent. {_KEPT} {self._how_to_know()}")
            case paramiko.AuthenticationException():
                todo = f"Check the user, key and password that the environment has for {self._setting}."
                return TidegateError(f"{could_not}: the login was rejected. {_KEPT} {todo}")
            case PermissionError():
                return TidegateError(f"{could_not}: this user may not. {_KEPT} Have the server's owner allow it.")
            case UnicodeDecodeError():
                return TidegateError(f"{could_not}: a name there is not UTF-8. {_KEPT} Have its owner rename it.")
            case paramiko.SSHException() if "not found in known_hosts" in str(error):
                why = "the file of known hosts has no key of this server"
                return TidegateError(f"{could_not}: {why}. No password was sent. {_KEPT} {self._how_to_know()}")
        said = str(error).rstrip(". ") or type(error).__name__
        return self._down(f"{could_not}: {said}. {_KEPT} This may be temporary; run again.")

    def _how_to_know(self) -> str:
        return (
            "Ask the server's owner for its key, compare it with what "
            f"`ssh-keyscan -p {self._port} {self._host}` shows, and write that line into the file."
        )


def _answers(sftp: paramiko.SFTPClient) -> bool:
    try:
        sftp.normalize(".")
    except (paramiko.SSHException, EOFError, OSError):
        return False
    return True
