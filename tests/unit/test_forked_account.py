"""What a forked child says of its connection, and the JSON that it says it in."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketdeck.direction import IN, OUT
from socketdeck.hosts import account, wire
from socketdeck.hosts.account import Account

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture
def rung() -> list[Account]:
    return []


@pytest.fixture
def conversation(rung: list[Account], monkeypatch: pytest.MonkeyPatch) -> Account:
    """A connection from 127.0.0.1:40000, of which nothing has been told yet."""
    monkeypatch.setattr(account, "INBOX_RECORDS", 2_000)
    made = Account(ipv4=True, recorded=True, prefix=256, touch=rung.append)
    made.key, made.pid, made.opened_at = 7, 4711, 1_700_000_000.25
    made.client_address = ("127.0.0.1", 40_000)
    return made


def data(conversation: Account, direction: int, payload: bytes | None, length: int = 0) -> None:
    size = length or len(payload or b"")
    conversation.inbox.data(None, direction, size, payload)
    if direction == IN:
        conversation.bytes_in += size
        conversation.messages_in += 1
    else:
        conversation.bytes_out += size
        conversation.messages_out += 1


def told(packets: list[bytes]) -> list[Any]:
    """The data of each packet's only message: when, opening, events, counted, end."""
    messages = [wire.decode(packet) for packet in packets]
    assert all(len(of_one) == 1 for of_one in messages)
    assert {(kind, key) for ((kind, _, key, _),) in messages} == {(wire.LIVED, 7)}
    return [message[3] for (message,) in messages]


def test_a_whole_life_is_one_packet(conversation: Account) -> None:
    began = int(time.time())
    data(conversation, IN, b"hello\n")
    data(conversation, OUT, b"\x00\xff")
    conversation.record("service.log", {"stream": "stdout", "text": 'a "quoted"\n\\ line'})
    conversation.peer_ended = True
    (life,) = told(conversation.packets(1_700_000_002.0))
    when, opening, (received, sent, log), counted, end = life
    assert when == 1_700_000_002_000_000
    assert opening == [4711, 1_700_000_000_250_000, ["127.0.0.1", 40_000], None, None]
    assert received[1:] == [IN, 6, b"hello\n".hex()]
    assert sent[1:] == [OUT, 2, "00ff"]
    assert began * 1e6 <= received[0] <= sent[0] <= time.time() * 1e6
    assert log[1:] == ["service.log", {"stream": "stdout", "text": 'a "quoted"\n\\ line'}]
    assert counted == [6, 2, 1, 1, 0]
    assert end == [0, 0, 1, 0, 0]


def test_each_thing_is_told_once(conversation: Account) -> None:
    data(conversation, IN, b"one")
    (first,) = told(conversation.packets())
    assert first[1] is not None
    assert first[4] is None
    data(conversation, IN, None, 4)
    (second,) = told(conversation.packets())
    assert second[1] is None
    assert [event[1:] for event in second[2]] == [[IN, 4, None]]
    (last,) = told(conversation.packets(1_700_000_003.0))
    assert last[1:3] == [None, []]
    assert last[3] == [7, 0, 2, 0, 0]
    assert last[4] == [0, 0, 0, 0, 0]


def test_nobody_is_called_before_the_first_telling_or_after_the_last(
    conversation: Account, rung: list[Account]
) -> None:
    conversation.record("service.log", {})
    assert rung == []
    conversation.packets()
    conversation.record("service.log", {})
    conversation.record("service.log", {})
    assert rung == [conversation]
    conversation.packets(1.0)
    conversation.record("service.log", {})
    assert rung == [conversation]


def test_what_is_more_than_a_packet_holds_comes_in_several(conversation: Account) -> None:
    for _ in range(500):
        data(conversation, OUT, bytes(256))
    lives = told(packets := conversation.packets(1_700_000_002.0))
    assert len(lives) > 1
    assert all(len(packet) < wire.PACKET_BYTES + 1000 for packet in packets)
    assert [life[1] is not None for life in lives] == [True] + [False] * (len(lives) - 1)
    assert [life[4] is not None for life in lives] == [False] * (len(lives) - 1) + [True]
    assert sum(len(life[2]) for life in lives) == 500


def test_the_longest_payload_fits_what_a_reader_takes(conversation: Account) -> None:
    for _ in range(3):
        data(conversation, IN, bytes(wire.PAYLOAD_BYTES))
    packets = conversation.packets(1_700_000_002.0)
    assert all(len(packet) < wire.RECEIVED_BYTES for packet in packets)
    payloads = [wire.payload(event[3]) for life in told(packets) for event in life[2]]
    assert payloads == [bytes(wire.PAYLOAD_BYTES)] * 3


def test_a_rush_is_folded(conversation: Account) -> None:
    count = account.FOLD_ABOVE_RECORDS
    conversation.record("service.log", {"text": "before"})
    for _ in range(count):
        data(conversation, OUT, b"ab")
        data(conversation, IN, b"abc")
    conversation.record("service.log", {"text": "after"})
    (life,) = told(conversation.packets(1_700_000_002.0))
    before, sent, received, after = life[2]
    assert (before[2]["text"], after[2]["text"]) == ("before", "after")
    assert sent[1:] == [OUT, 2 * count, b"ab".hex(), count]
    assert received[1:] == [IN, 3 * count, b"abc".hex(), count]
    assert life[4][-1] == 0


def test_what_finds_no_room_is_counted(conversation: Account) -> None:
    for _ in range(account.INBOX_RECORDS + 3):
        data(conversation, IN, b"a")
    (life,) = told(conversation.packets(1_700_000_002.0))
    assert life[4][-1] == 3
    assert life[2][0][4] == account.INBOX_RECORDS
    assert life[3][0] == account.INBOX_RECORDS + 3


@pytest.mark.parametrize(
    "address", [("::1", 5, 0, 2), "/path", "", b"\0\xffname", ("fe80::1%\"'", 5, 0, 2), None]
)
def test_an_address_of_any_kind_comes_home(conversation: Account, address: Any) -> None:
    conversation.ipv4 = False
    conversation.client_address = conversation.local = address
    conversation.credentials = bytes(12)
    (life,) = told(conversation.packets(1.0))
    _, _, client_address, local, credentials = life[1]
    assert wire.address_of(client_address) == wire.address_of(local) == address
    assert bytes.fromhex(credentials) == bytes(12)


@given(PLAIN)
def test_its_json_is_json(value: Any) -> None:
    assert json.loads(wire.packet_of(wire.json_text(value))) == value


def test_what_json_has_no_word_for() -> None:
    assert json.loads(wire.packet_of(wire.json_text({1: (b"\xff", OSError("no"))}))) == {
        "1": ["ff", "no"]
    }
    assert json.loads(wire.packet_of(wire.json_text("\udcff"))) == "\udcff"
