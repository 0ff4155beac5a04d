"""The form of a record: what is written comes back, what is not one is told."""

from __future__ import annotations

from random import Random

import pytest

from sbc.adoption.codec import Reader, RecordError, pack


def written() -> bytes:
    lines = ["alice", "", 'a "quoted\udcff" name', "7 1 -1", "", "1800000000.123", "6", "0"]
    return pack(lines, [b"v=0\r\n\n", b""])


def read(record: bytes) -> tuple[list[str], list[int], list[float], list[bytes]]:
    reader = Reader(record)
    texts, numbers, times = reader.texts(3), reader.numbers(3), [reader.time(), reader.time()]
    lengths = [reader.number(), reader.number()]
    blobs = [reader.blob(length) for length in lengths]
    reader.finish()
    return texts, numbers, times, blobs


def test_everything_written_is_read_in_its_order() -> None:
    texts, numbers, times, blobs = read(written())
    assert texts == ["alice", "", 'a "quoted\udcff" name']
    assert numbers == [7, 1, -1]
    assert times == [0.0, 1_800_000_000.123]
    assert blobs == [b"v=0\r\n\n", b""]


def test_a_line_end_in_a_text_does_not_move_what_follows() -> None:
    assert Reader(pack(["one\ntwo", "three"], [])).texts(2) == ["one two", "three"]


@pytest.mark.parametrize("record", [b"", b"1", b"2 5\nalice", b"1 99\nalice", b"x y\n", b"1 -1\n"])
def test_what_is_no_record_of_this_version_is_told(record: bytes) -> None:
    with pytest.raises(RecordError, match="version 1"):
        Reader(record)


def test_a_record_that_holds_more_than_is_read_is_not_taken() -> None:
    reader = Reader(written())
    reader.text()
    with pytest.raises(RecordError, match="longer"):
        reader.finish()


def test_a_record_that_is_cut_short_is_not_taken() -> None:
    """Wherever it ends: what is measured is missing."""
    whole = written()
    for end in range(len(whole)):
        with pytest.raises(RecordError):
            read(whole[:end])


def test_a_damaged_byte_is_told_or_changes_the_one_value_where_it_stands() -> None:
    random = Random(7)
    whole = written()
    good = [value for part in read(whole) for value in part]
    told = 0
    for _ in range(600):
        at = random.randrange(len(whole))
        try:
            found = read(whole[:at] + bytes([random.randrange(256)]) + whole[at + 1 :])
        except RecordError:
            told += 1
            continue
        values = [value for part in found for value in part]
        assert sum(one != other for one, other in zip(values, good, strict=True)) <= 1
    assert 0 < told < 600
