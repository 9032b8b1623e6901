"""Landing on servers of SFTP: deliveries come as from a folder, and only from the server that is known."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.intake.archives import folder_archive
from tests.support.intake.shop import DAY, SALES, Shop, csv, open_shop_in, row
from tests.support.sftp_server import SftpServer, linking_sftp_server, sftp_server

from tidegate.contract.reading.odcs import load_contract
from tidegate.errors import IncompleteError, SourceDownError, TidegateError
from tidegate.sources.origin import Landing, Outside
from tidegate.sources.places import landing_of, origin_of
from tidegate.storage.files import Segment, UnopenableError
from tidegate.storage.sftp import IS_A_FOLDER, IS_A_LINK, SftpFiles
from tidegate.window import ONE_DAY

PASSWORD = "pass/w0rd é"
ELSEWHERE = """
  - {server: south, type: local, path: "sales/south/{day}", format: auto}
  - {server: west, type: local, path: "sales/west/{day}", format: auto}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    with sftp_server(tmp_path_factory.mktemp("sftp")) as started:
        yield started


@pytest.fixture(scope="module")
def linking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    with linking_sftp_server(tmp_path_factory.mktemp("linking"), PASSWORD) as started:
        yield started


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home = tmp_path_factory.mktemp("home")
    text = SALES.replace(ELSEWHERE.lstrip("\n"), "").replace(
        "customProperties:\n", "customProperties:\n  - {property: readiness, value: all_regions}\n", 1
    )
    opened = open_shop_in(home, text.replace("maxQuarantinedPercent, value: 74", "maxQuarantinedPercent, value: 0"))
    yield opened
    opened.lake.close()


def landing_at(server: SftpServer, folder: str = "", **changes: str) -> SftpFiles:
    environment = {**server.sign_in, **changes}
    found = landing_of(Outside(f"{server.address}{folder}", "/nowhere", environment))
    assert isinstance(found, SftpFiles)
    return found


def put(server: SftpServer, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = server.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.mark.slow
def test_a_delivery_by_sftp_is_what_it_is_in_a_folder(server: SftpServer, shop: Shop) -> None:
    files = {"a b+ü.csv": csv(row(1)), "10.csv": csv(row(10)), "9.csv": csv(row(9)), ".x.part": b"half", "e.md5": b"x"}
    shop.deliver("north", files)
    in_folder = shop.load()["north"]
    content = shop.content()
    put(server, {f"drop/sales/north/{DAY}/{name}": text for name, text in files.items()})
    shop.outside = replace(shop.outside, landing=f"{server.address}/drop", environment=server.sign_in)
    by_sftp = shop.load(from_landing=True)["north"]

    assert (by_sftp.status, by_sftp.files, by_sftp.rows_loaded) == ("accepted", 3, 3), by_sftp.rejection
    assert (by_sftp.fingerprint, by_sftp.touched) == (in_folder.fingerprint, ())
    assert shop.content() == content
    origin = origin_of(shop.contract, shop.contract.region("north"), shop.outside)
    assert isinstance(origin, Landing)
    assert list(origin.arrivals()) == [origin.arrival(DAY)]
    put(server, {f"drop/sales/north/{DAY}/9.csv": csv(row(9), row(8))})
    assert shop.load(from_landing=True)["north"].rows_loaded == 4


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("flat/sales_{day:%Y%m%d}*.csv", ["flat/sales_20240301_1.csv", "flat/sales_20240301_2.csv"]),
        ("*/{day:%Y/%m/%d}", ["köln/2024/03/01/a.csv", "b/2024/03/01/a.csv"]),
    ],
)
def test_a_server_of_the_sources_own_is_named_by_the_contract(
    server: SftpServer, tmp_path: Path, path: str, names: list[str]
) -> None:
    text = SALES.replace(ELSEWHERE.lstrip("\n"), "").replace(
        'type: local, path: "sales/north/{day}", format: auto}',
        f'type: sftp, location: "{server.address}/own/{path}", format: csv, customProperties: '
        "[{property: userVariable, value: WHO}, {property: keyFileVariable, value: KEY}, "
        "{property: knownHostsVariable, value: HOSTS}]}",
    )
    file = tmp_path / "sales.odcs.yaml"
    file.write_text(text.replace("maxQuarantinedRows, value: 0", "readiness, value: all_regions"))
    contract = load_contract(file)
    put(server, {f"own/{name}": csv(row(number)) for number, name in enumerate(names)})
    put(server, {"own/flat/sales_20240302.csv": csv(row(7)), "own/x/2024/03/02/a.csv": csv(row(7))})
    said = server.sign_in
    named = {"WHO": said["SFTP_USER"], "KEY": said["SFTP_KEY_FILE"], "HOSTS": said["SFTP_KNOWN_HOSTS"]}

    origin = origin_of(contract, contract.region("north"), Outside("/nowhere", "/nowhere", named))
    assert isinstance(origin, Landing)
    captured = origin.capture(folder_archive(tmp_path / "archive"), "sales", DAY)
    assert captured
    assert len(captured.files) == len(names)
    assert {arrival.day for arrival in origin.arrivals()} == {DAY, DAY + ONE_DAY}
    unnamed = origin_of(contract, contract.region("north"), Outside("/nowhere", "/nowhere", {"KEY": "x"}))
    with pytest.raises(TidegateError, match="environment variable WHO, the user who signs in at sftp://"):
        unnamed.capture(folder_archive(tmp_path / "archive"), "sales", DAY)


def test_links_folders_and_what_may_not_be_read_are_refused_by_name(linking: SftpServer, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    put(linking, {"day/a.csv": b"a", "day/sub/b.csv": b"b"})
    (linking.inbox / "day" / "link.csv").symlink_to(tmp_path / "secret")
    (linking.inbox / "all").symlink_to(linking.inbox / "day")
    landing = landing_at(linking)

    [(_, day)] = landing.places([Segment("day")])
    assert {entry.name: entry.refused for entry in day.entries} == {
        "day/a.csv": None,
        "day/link.csv": IS_A_LINK,
        "day/sub": IS_A_FOLDER,
    }
    [(_, linked)] = landing.places([Segment("all")])
    assert (list(linked.entries), linked.refused) == ([], IS_A_LINK)
    assert sorted(file.name for file in landing.files("day")) == ["day/a.csv", "day/sub/b.csv"]
    link = landing.find("day/link.csv")
    assert link
    with pytest.raises(UnopenableError, match="is a link"):
        list(landing.chunks(link))
    assert (landing.find("nothing"), list(landing.files("no/such"))) == (None, [])


def test_a_password_signs_in_where_there_is_no_key(linking: SftpServer) -> None:
    put(linking, {"p/a": b"x" * 3_000_000})
    assert landing_at(linking, "/p", SFTP_KEY_FILE="", SFTP_PASSWORD=PASSWORD).read("a") == b"x" * 3_000_000
    assert landing_at(linking, "/~/p").read("a") == b"x" * 3_000_000


def test_a_file_that_changes_while_it_is_read_is_no_delivery_yet(server: SftpServer) -> None:
    put(server, {"c/a": b"x" * 5_000_000})
    landing = landing_at(server, "/c")
    listed = landing.find("a")
    assert listed
    for longer in (b"x" * 6_000_000, b""):
        put(server, {"c/a": longer})
        with pytest.raises(IncompleteError, match=rf"{server.address}/c/a changed or went away"):
            list(landing.chunks(listed))
    (server.inbox / "c" / "a").unlink()
    with pytest.raises(IncompleteError, match="changed or went away"):
        list(landing.chunks(listed))


def test_a_connection_that_broke_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As after a pause.
    monkeypatch.setattr("tidegate.storage.sftp_connection.FRESH_SECONDS", 0)
    with linking_sftp_server(tmp_path, PASSWORD) as short_lived:
        put(short_lived, {"a": b"1"})
        landing = landing_at(short_lived)
        assert landing.read("a") == b"1"
        short_lived.drop()
        assert landing.read("a") == b"1"
    with pytest.raises(SourceDownError, match=r"Could not look at sftp://.*/a: .* This may be temporary; run again"):
        landing.read("a")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"SFTP_KEY_FILE": "{keys}/other"},
            "the login was rejected. Nothing was changed. Check the user, key and pass",
        ),
        ({"SFTP_KEY_FILE": "", "SFTP_PASSWORD": "wr0ng-secret"}, "the login was rejected"),
        ({"SFTP_KEY_FILE": ""}, "neither SFTP_KEY_FILE, the path of a key, nor SFTP_PASSWORD is set"),
        ({"SFTP_KEY_FILE": "{keys}/none"}, "its key is to be in the file {keys}/none, which cannot be read: No such"),
        ({"SFTP_KEY_FILE": "{keys}/other.pub"}, "it is no private key that this passphrase opens"),
        ({"SFTP_KNOWN_HOSTS": "{keys}/none"}, "its key is to be in the file {keys}/none, which cannot be read"),
        ({"SFTP_KNOWN_HOSTS": "{keys}/server.pub"}, "the file of known hosts has no key of this server"),
        ({"SFTP_KNOWN_HOSTS": "{keys}/impostor"}, "has another key than the file of known hosts says"),
    ],
)
def test_who_may_not_come_in_and_who_is_not_the_server_is_told(
    linking: SftpServer, changes: dict[str, str], says: str
) -> None:
    keys = str(linking.keys)
    other = (linking.keys / "other.pub").read_text()
    (linking.keys / "impostor").write_text(f"[127.0.0.1]:{linking.port} {other}")
    landing = landing_at(linking, **{name: text.replace("{keys}", keys) for name, text in changes.items()})
    with pytest.raises(TidegateError) as refused:
        list(landing.files(""))
    assert says.replace("{keys}", keys) in str(refused.value)
    assert not isinstance(refused.value, SourceDownError)
    assert "wr0ng-secret" not in str(refused.value)


@pytest.mark.parametrize("place", ["sftp://", "sftp:///a", "sftp://host/../etc", "sftp://me@host/a", "sftp://host:x/a"])
def test_an_address_that_cannot_be_is_refused(place: str) -> None:
    with pytest.raises(TidegateError, match="TIDEGATE_LANDING is "):
        landing_of(Outside(place, "/nowhere", {}))


def test_without_a_client_the_extra_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("tidegate.storage.sftp", "tidegate.storage.sftp_connection"):
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "paramiko", None)
    with pytest.raises(TidegateError, match=r"TIDEGATE_LANDING, sftp://shop/x, needs paramiko.*'tidegate\[sftp\]'"):
        landing_of(Outside("sftp://shop/x", "/nowhere", {}))
