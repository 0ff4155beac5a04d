"""What the delay bench makes of a capture."""

from __future__ import annotations

from tests.bench.delay import CALLER, Seen, figures, pairs, percentile
from tests.bench.subjects import CALLEE, PORT

INSIDE = 5070


def message(first: str, call: str, cseq: str) -> bytes:
    return f"{first}\r\nCall-ID: {call}\r\nCSeq: 1 {cseq}\r\n\r\n".encode()


def test_messages_are_paired_in_their_order_and_copies_left_out() -> None:
    seen = [
        Seen(1.000, CALLER, PORT, message("INVITE sip:a SIP/2.0", "one", "INVITE")),
        Seen(1.001, CALLER, PORT, message("INVITE sip:a SIP/2.0", "two", "INVITE")),
        Seen(1.001, PORT, CALLER, message("SIP/2.0 100 Trying", "one", "INVITE")),
        Seen(1.002, INSIDE, CALLEE, message("INVITE sip:a SIP/2.0", "x", "INVITE")),
        Seen(1.003, CALLER, PORT, message("INVITE sip:a SIP/2.0", "one", "INVITE")),
        Seen(1.005, INSIDE, CALLEE, message("INVITE sip:a SIP/2.0", "y", "INVITE")),
        Seen(1.010, CALLEE, INSIDE, message("SIP/2.0 200 OK", "x", "INVITE")),
        Seen(1.013, PORT, CALLER, message("SIP/2.0 200 OK", "one", "INVITE")),
        Seen(1.020, CALLER, PORT, message("BYE sip:a SIP/2.0", "one", "BYE")),
    ]
    found = pairs(seen)
    assert {kind: [round(one, 4) for one in values] for kind, values in found.items()} == {
        "INVITE": [0.002, 0.004],
        "200 INVITE": [0.003],
    }


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, part) for part in (0.5, 0.95, 0.99, 1.0)] == [51.0, 96.0, 100.0, 100.0]
    assert percentile([3.0], 0.99) == 3.0


def test_a_bad_round_does_not_decide_but_is_told() -> None:
    """Milliseconds; the longest is of all rounds."""
    rounds = [[0.001] * 98 + [0.004] * 2, [0.001] * 98 + [0.003] * 2, [0.002] * 98 + [0.090] * 2]
    assert figures(rounds) == ["1.00", "1.00", "4.00", "3.00 to 90.00", "90.00"]
