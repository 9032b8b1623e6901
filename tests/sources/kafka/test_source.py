"""A topic's messages, each once, on the day that it came, whatever is read when and again; told when they are lost.

The broker is librdkafka's mock cluster in a process of its own.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.shop import Shop
from tests.support.kafka import Cluster, cluster

from tidegate.errors import ContractError, TidegateError
from tidegate.intake import finding
from tidegate.intake.not_loaded_yet import Watch
from tidegate.ledger.interim import interim_deliveries
from tidegate.sources.kafka import reading
from tidegate.sources.kafka.reading import Extent, TopicReader
from tidegate.window import ONE_DAY, Window
from tidegate.zones import Zone

DAY = dt.date(2024, 3, 1)
NEXT, THIRD = DAY + ONE_DAY, DAY + 2 * ONE_DAY
DAYS = Window(DAY, THIRD + ONE_DAY)

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
servers:
  - server: shop
    type: kafka
    customProperties:
      - {property: topic, value: TOPIC}
      - {property: connectionVariable, value: BROKERS}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, required: true}
      - {name: amount, logicalType: number, physicalType: "decimal(18,2)"}
      - {name: happened, logicalType: timestamp, required: true}
      - {name: kafka_partition, logicalType: integer}
      - {name: kafka_offset, logicalType: integer}
customProperties:
  - {property: eventTime, value: happened}
  - {property: maxQuarantinedPercent, value: 100}
"""


def at(day: dt.date, hour: int = 12) -> int:
    return int(dt.datetime.combine(day, dt.time(hour), dt.UTC).timestamp() * 1000)


def order(number: int, day: dt.date = DAY, partition: int = 0, **more: Any) -> list[Any]:
    value = {"id": f"o{number}", "amount": number, "happened": f"{day}T12:00:00Z", **more}
    return [partition, at(day), f"o{number}", json.dumps(value)]


@pytest.fixture(scope="module")
def broker() -> Iterator[Cluster]:
    with cluster() as started:
        yield started


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """One of the test's own."""
    return f"t-{abs(hash(request.node.name))}"


@pytest.fixture
def stream(open_shop: OpenShop, broker: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("BROKERS", broker.address)
    monkeypatch.setattr(reading, "QUESTION_SECONDS", 3.0)
    return open_shop(CONTRACT.replace("TOPIC", topic))


def load(stream: Shop, day: dt.date = DAY) -> Any:
    return stream.load(Window.of_day(day))["shop"]


def waiting(stream: Shop) -> list[dt.date]:
    watch = Watch(lambda: nullcontext(stream.lake), stream.contract, stream.outside, DAYS)
    return sorted(watch.look(DAYS.days, lambda _: True, 10))


@pytest.mark.slow
def test_a_day_is_what_came_until_the_first_message_of_the_next(stream: Shop, broker: Cluster, topic: str) -> None:
    broker.produce(topic, [order(1), order(2, partition=3), order(3, NEXT), order(4, DAY), order(5, NEXT, partition=3)])
    assert waiting(stream) == [*DAYS.days]
    report = load(stream)
    assert (report.status, report.rows_read, report.rows_loaded) == ("accepted", 2, 2)
    # Order 4 came after the day was over: it restates it.
    assert load(stream, NEXT).touched == (DAY, NEXT)
    assert stream.raw("id, _delivered_on") == [("o1", DAY), ("o2", DAY), ("o3", NEXT), ("o4", NEXT), ("o5", NEXT)]
    # Of the day that no message is dated after.
    assert load(stream, THIRD).rows_read == 0
    assert waiting(stream) == []
    before = stream.content()
    for day in (THIRD, DAY, NEXT):
        assert load(stream, day).touched == ()
    assert stream.content() == before


def test_a_message_with_a_date_to_come_ends_no_day(stream: Shop, broker: Cluster, topic: str) -> None:
    wrongly_dated = order(2)
    wrongly_dated[1] = at(dt.date(2099, 1, 1))
    broker.produce(topic, [order(1), wrongly_dated, order(3), order(4, NEXT)])
    assert load(stream).rows_loaded == 3
    assert load(stream, NEXT).rows_loaded == 1


@pytest.mark.slow
def test_a_day_goes_on_until_a_later_one_is_begun(stream: Shop, broker: Cluster, topic: str) -> None:
    broker.produce(topic, [order(1)])
    assert load(stream).rows_read == 1
    assert load(stream).rows_read == 1
    broker.produce(topic, [order(2), order(3, partition=2)])
    assert DAY in waiting(stream)
    assert load(stream).rows_read == 3
    assert load(stream, THIRD).rows_read == 0
    broker.produce(topic, [order(4)])
    # A day between two that are there has nothing of its own, and is there all the same.
    assert (load(stream).rows_read, load(stream, NEXT).rows_read, load(stream, THIRD).rows_read) == (3, 0, 1)
    assert stream.raw("id") == ["o1", "o2", "o3", "o4"]


@pytest.mark.slow
def test_a_day_is_read_while_it_goes_on_and_to_its_end_once_it_has_ended(
    stream: Shop, broker: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def it_is(day: dt.date) -> None:
        monkeypatch.setattr(Zone, "today", lambda _: day)
        monkeypatch.setattr(finding, "utc_now", lambda: dt.datetime.combine(day, dt.time(12)))

    it_is(DAY)
    broker.produce(topic, [order(1)])
    assert load(stream).rows_read == 1
    broker.produce(topic, [order(2), order(3, partition=1)])
    assert DAY in waiting(stream)
    report = load(stream)
    # Only what is new is asked of the broker, and kept beside what is there.
    assert (report.rows_read, report.files) == (3, 3)

    it_is(NEXT)
    broker.produce(topic, [order(4), order(5, NEXT)])
    # What is still to come of the day before is not taken for the next one's.
    refused = load(stream, NEXT)
    assert refused.status == "missing"
    assert f"is read once {DAY} was read to its end" in str(refused.rejection)
    both = stream.load_each(Window(DAY, THIRD))
    assert [both["shop", day].rows_read for day in (DAY, NEXT)] == [4, 1]
    assert [each.day for each in interim_deliveries(stream.lake.con)] == [NEXT]

    it_is(THIRD)
    # Nothing more came of it, which is known once it was asked for.
    assert NEXT in waiting(stream)
    assert load(stream, NEXT).rows_read == 1
    assert NEXT not in waiting(stream)
    assert interim_deliveries(stream.lake.con) == []
    assert stream.raw("id") == [f"o{number}" for number in range(1, 6)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_read_when_every_message_is_there_once(
    stream: Shop, broker: Cluster, topic: str, seed: int
) -> None:
    chance, sent = random.Random(seed), 0
    for _ in range(10):
        if chance.random() < 0.6:
            count = chance.randrange(9)
            orders = [order(sent + n, chance.choice(DAYS.days), chance.randrange(4)) for n in range(count)]
            broker.produce(topic, orders)
            sent += len(orders)
        else:
            load(stream, chance.choice(DAYS.days))
    for day in DAYS.days:
        load(stream, day)
    in_raw = Counter(stream.raw("kafka_partition, kafka_offset"))
    # An order of a day that had not begun when it was delivered.
    early = len(stream.quarantined(where="list_contains(reasons, 'in_the_future')"))
    assert (set(in_raw.values()) <= {1}, len(in_raw) + early) == (True, sent)


NASTY: list[Any] = [
    None, "", "   ", "null", "[1, 2]", "5", '"text"', "nonsense", "{", '{"id": "half"', "\ufeff{}", "\x00", "{}",
    '{\n "id": "pretty",\r\n "amount": 1.50,\n "happened": "2024-03-01T10:00:00Z"\n}',
    '{"id": "zero", "amount": 1e1, "happened": "2024-03-01T10:00:00Z"}',
    '{"id": "Käufer \U0001f6d2", "amount": 12345678901234.56, "happened": "2024-03-01T10:00:00Z"}',
    '{"id": "twice", "id": "thrice", "happened": "2024-03-01T10:00:00Z"}',
    '{"id": "known", "kafka_offset": 99, "happened": "2024-03-01T10:00:00Z"}',
    "[" * 50_000,
]  # fmt: skip


def test_every_message_is_a_row_sound_or_quarantined(stream: Shop, broker: Cluster, topic: str) -> None:
    broker.produce(topic, [[0, at(DAY), None, value] for value in NASTY])
    report = load(stream)
    assert (report.status, report.rows_read) == ("accepted", len(NASTY))
    assert stream.raw("id, amount::varchar") == [
        ("Käufer \U0001f6d2", "12345678901234.56"),
        ("pretty", "1.50"),
        ("zero", "10.00"),
    ]
    assert report.rows_loaded + report.rows_quarantined == len(NASTY)
    assert stream.raw("kafka_offset", "id = 'pretty'") == [13]


@pytest.mark.slow
def test_a_topic_that_was_made_again_is_told_and_held(
    stream: Shop, broker: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch, open_shop: OpenShop
) -> None:
    broker.produce(topic, [order(1), order(2), order(3)])
    assert load(stream).rows_loaded == 3
    with cluster() as other:
        monkeypatch.setenv("BROKERS", other.address)
        other.produce(topic, [order(4, NEXT)])
        report = load(stream, NEXT)
        assert report.status == "missing"
        assert "partition 0, which was read up to 3, ends at 1 now: the topic was made again" in str(report.rejection)
        accepting = CONTRACT.replace("BROKERS}", f'BROKERS}}\n      - {{property: gapsAcceptedOn, value: ["{NEXT}"]}}')
        again = open_shop(accepting.replace("TOPIC", topic))
        assert load(again, NEXT).rows_loaded == 1
    assert again.raw("id") == ["o1", "o2", "o3", "o4"]


def test_messages_that_the_topic_no_longer_keeps_are_told_and_held(
    stream: Shop, broker: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.produce(topic, [order(1), order(2)])
    load(stream)
    broker.produce(topic, [order(3, NEXT)])
    extents = TopicReader.extents
    kept = {"first": 3}
    monkeypatch.setattr(
        TopicReader,
        "extents",
        lambda self: {at: Extent(kept["first"], max(kept["first"], each.end)) for at, each in extents(self).items()},
    )
    report = load(stream, NEXT)
    assert report.status == "missing"
    assert "partition 0, from 2 to 2. What was loaded before stays." in str(report.rejection)
    assert "gapsAcceptedOn" in str(report.rejection)
    assert stream.raw("id") == ["o1", "o2"]


@pytest.mark.slow
def test_a_broker_that_goes_away_is_an_outage_and_what_was_loaded_stays(
    open_shop: OpenShop, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "QUESTION_SECONDS", 1.0)
    with cluster() as lost:
        monkeypatch.setenv("BROKERS", lost.address)
        stream = open_shop(CONTRACT.replace("TOPIC", topic))
        lost.produce(topic, [order(1)])
        assert load(stream).rows_loaded == 1
        lost.pause()
        assert "cannot be read" in str(load(stream).trouble)
        lost.go_on()
        assert load(stream).trouble is None
    report = load(stream)
    assert ("cannot be read" in str(report.trouble), report.rows_loaded) == (True, 1)
    assert load(stream, NEXT).status == "missing"


def test_settings_that_cannot_be_are_told_and_not_shown(
    stream: Shop, broker: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"bootstrap.servers": broker.address, "sasl.pasword": "secret"}
    for written, told in (
        (json.dumps(settings), "does not take (sasl.pasword)"),
        ("{", "holds no JSON object"),
        ('{"bootstrap.servers": 5}', "holds no JSON object"),
    ):
        monkeypatch.setenv("BROKERS", written)
        said = str(load(stream).rejection)
        assert told in said
        assert "secret" not in said
    monkeypatch.setenv("BROKERS", json.dumps({"bootstrap.servers": broker.address}))
    assert "it has no such topic" in str(load(stream).rejection) or load(stream).rows_read == 0
    monkeypatch.delenv("BROKERS")
    with pytest.raises(TidegateError, match="BROKERS, the brokers of Kafka, is not set"):
        raise TidegateError(str(load(stream).rejection))


@pytest.mark.parametrize(
    ("of", "to", "says"),
    [
        ("value: TOPIC", "value: a/b", "'a/b' cannot name a topic"),
        ("maxQuarantinedPercent, value: 100", "fallback, value: last_good", "a stream has no delivery of another day"),
        ("BROKERS}", "BROKERS}\n      - {property: gapsAcceptedOn, value: [soon]}", "not a list of dates"),
        ("      - {property: topic, value: TOPIC}\n", "", "does not say which topic"),
    ],
)
def test_a_contract_that_cannot_work_is_refused(open_shop: OpenShop, of: str, to: str, says: str) -> None:
    with pytest.raises(ContractError, match=says):
        open_shop(CONTRACT.replace(of, to))
