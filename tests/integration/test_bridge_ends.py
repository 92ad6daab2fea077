"""Every way in which a connection ends has its close code, and is counted as what it was."""

import pytest

from support.bridge import Bridge, close_code
from support.raw import Frames, frame, open_raw
from support.waiting import wait_for

CLOSE, TEXT, BINARY, PING = 0x88, 0x81, 0x82, 0x89

#: What a client sends, the code of the bridge's Close, and what it is counted under.
ENDS = [
    ("a Close", frame((1000).to_bytes(2, "big"), CLOSE), 1000, "client"),
    ("a Close that accuses the bridge", frame((1002).to_bytes(2, "big"), CLOSE), 1002, "client"),
    ("a Close of its own code", frame((4000).to_bytes(2, "big") + b"bye", CLOSE), 4000, "client"),
    ("a Close with half a code", frame(b"\x03", CLOSE), 1002, "protocol_error"),
    ("a Close with no code", frame((999).to_bytes(2, "big"), CLOSE), 1002, "protocol_error"),
    ("a frame without a mask", bytes((TEXT, 2)) + b"{}", 1002, "protocol_error"),
    ("a reserved bit", frame(b"{}", 0xC1), 1002, "protocol_error"),
    ("a reserved opcode", frame(b"{}", 0x83), 1002, "protocol_error"),
    ("a continuation of nothing", frame(b"{}", 0x80), 1002, "protocol_error"),
    ("a long ping", frame(bytes(126), PING), 1002, "protocol_error"),
    ("text that is no UTF-8", frame(b"\xff", TEXT), 1007, "protocol_error"),
    ("a reason that is no UTF-8", frame(b"\x03\xe8\xff", CLOSE), 1007, "protocol_error"),
    ("too much", frame(b" " * 65_537), 1009, "too_big"),
    ("a binary frame", frame(b"{}", BINARY), 1003, "binary"),
]


def closed(bridge: Bridge) -> dict[str, float]:
    """Return how many connections ended for each reason."""
    name = "stockstream_closed_clients_total"
    counts = bridge.prometheus().items()
    return {key.split('"')[1]: value for key, value in counts if key.startswith(name)}


@pytest.mark.parametrize(
    ("data", "code", "reason"), [end[1:] for end in ENDS], ids=[end[0] for end in ENDS]
)
def test_end_has_its_code_and_is_counted(
    shared_bridge: Bridge, data: bytes, code: int, reason: str
) -> None:
    """What a client does wrong is told apart from a client that leaves."""
    before = closed(shared_bridge)
    frames = Frames()
    with open_raw(shared_bridge) as sock:
        sock.sendall(data)
        while received := sock.recv(65_536):
            frames.take(received)
    assert frames.close_code == code
    expected = {**before, reason: before.get(reason, 0) + 1}
    assert wait_for(lambda: closed(shared_bridge), lambda seen: seen != before) == expected


def test_end_without_a_close_is_a_client_that_left(shared_bridge: Bridge) -> None:
    """A connection that just breaks off is not an error of the protocol."""
    before = closed(shared_bridge)
    open_raw(shared_bridge).close()
    expected = {**before, "client": before.get("client", 0) + 1}
    assert wait_for(lambda: closed(shared_bridge), lambda seen: seen != before) == expected


def test_end_of_the_feed_is_told_with_1011(bridge_factory) -> None:
    """A bridge whose feed has failed says so, ends, and gunicorn starts another."""
    bridge = bridge_factory(broken="loses_its_feed", healthy=False)
    with bridge.connect() as client:
        assert close_code(client) == 1011
    log = wait_for(bridge.part.log.read_text, lambda text: text.count("Booting worker") == 2)
    assert "CRITICAL stockstream.bridge.lifecycle: ended by RuntimeError('lost')" in log
