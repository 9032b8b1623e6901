"""A network between the machines of a test and their services, of which single links can be cut.

Each machine has a namespace of its own for it, and a link to this one, where each service has an address of its own.
A cut drops what the service answers, as a broken router does: nobody hears of it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

# The range 10.64.0.0 to 10.250.0.0, of which each network takes one.
FIRST, NUMBERS = 64, 187

SERVICES = ("postgres", "redis", "s3")


def is_possible() -> bool:
    """Whether this process may make networks."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        return False
    name = f"tg{secrets.token_hex(3)}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
    if made:
        _ip("netns", "delete", name)
    return made


@dataclass
class Network:
    prefix: str = field(default_factory=lambda: f"tg{secrets.token_hex(2)}")
    number: int = field(default_factory=lambda: FIRST + secrets.randbelow(NUMBERS))
    machines: list[str] = field(default_factory=list)
    cuts: list[tuple[str, str]] = field(default_factory=list)

    def address(self, service: str) -> str:
        """Where a service listens, seen from every machine."""
        return f"10.{self.number}.0.{SERVICES.index(service) + 1}"

    def address_of(self, machine: str) -> str:
        return f"10.{self.number}.{self.machines.index(machine) + 1}.2"

    def namespace(self, machine: str) -> str:
        return f"{self.prefix}-{machine}"

    def entering(self, machine: str) -> Sequence[str]:
        """What a command begins with to run on the machine."""
        return ("ip", "netns", "exec", self.namespace(machine)) if machine in self.machines else ()

    def open(self) -> None:
        for service in SERVICES:
            _ip("address", "replace", f"{self.address(service)}/32", "dev", "lo")

    def join(self, machine: str) -> None:
        self.machines.append(machine)
        name, here, there = self.namespace(machine), f"{self.prefix}{len(self.machines)}h", f"{self.prefix}w"
        gateway = f"10.{self.number}.{len(self.machines)}.1"
        _ip("netns", "add", name)
        _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        _ip("address", "add", f"{gateway}/30", "dev", here)
        _ip("link", "set", here, "up")
        _ip("-netns", name, "link", "set", "lo", "up")
        _ip("-netns", name, "address", "add", f"{self.address_of(machine)}/30", "dev", there)
        _ip("-netns", name, "link", "set", there, "up")
        _ip("-netns", name, "route", "add", "default", "via", gateway)

    def cut(self, machine: str, service: str) -> None:
        self.cuts.append((machine, service))
        _ip("rule", "add", *self._between(machine, service))

    def join_again(self, machine: str, service: str) -> None:
        self.cuts.remove((machine, service))
        _ip("rule", "delete", *self._between(machine, service))

    def _between(self, machine: str, service: str) -> Sequence[str]:
        return ("from", self.address(service), "to", self.address_of(machine), "blackhole")

    def close(self) -> None:
        for machine, service in list(self.cuts):
            self.join_again(machine, service)
        for machine in self.machines:
            # Its links go with it.
            _ip("netns", "delete", self.namespace(machine))
        for service in SERVICES:
            _ip("address", "delete", f"{self.address(service)}/32", "dev", "lo")


@contextmanager
def network(*machines: str) -> Iterator[Network]:
    made = Network()
    try:
        made.open()
        for machine in machines:
            made.join(machine)
        yield made
    finally:
        made.close()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
