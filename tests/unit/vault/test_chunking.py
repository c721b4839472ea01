from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from shared_code.vault.chunking import MAX_BYTES, MIN_BYTES, cut

MIB = 1024 * 1024


def pieces(data: bytes) -> list[bytes]:
    """The chunks of a whole item."""
    result, position = [], 0
    for length in cut(data, is_end=True):
        result.append(data[position : position + length])
        position += length
    return result


def in_portions(data: bytes, portions: list[int], spare_bytes: int = 0) -> list[int]:
    """The cuts when the item comes in these portions, over and over."""
    lengths: list[int] = []
    carry, position, turn = b"", 0, 0
    while position < len(data):
        portion = data[position : position + portions[turn % len(portions)]]
        position, turn = position + len(portion), turn + 1
        carry += portion
        taken = 0
        for length in cut(carry, is_end=position >= len(data), spare_bytes=spare_bytes):
            lengths.append(length)
            taken += length
        carry = carry[taken:]
    return lengths


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(0, 9 * MIB))
def test_the_chunks_are_the_item_and_keep_their_bounds(seed: int, size: int) -> None:
    data = Random(seed).randbytes(size)
    chunks = pieces(data)
    assert b"".join(chunks) == data
    assert all(MIN_BYTES < len(chunk) <= MAX_BYTES for chunk in chunks[:-1])


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(0, 7 * MIB),
    portions=st.lists(st.integers(300_000, 5 * MIB), min_size=1, max_size=4),
    spare_bytes=st.integers(0, 3 * MIB),
)
def test_the_portions_that_it_comes_in_change_no_boundary(
    seed: int, size: int, portions: list[int], spare_bytes: int
) -> None:
    data = Random(seed).randbytes(size)
    assert in_portions(data, portions, spare_bytes) == [len(chunk) for chunk in pieces(data)]


def test_data_without_any_boundary_is_cut_at_the_greatest_length_in_any_portions() -> None:
    data = bytes(10 * MIB)
    assert [len(chunk) for chunk in pieces(data)] == [MAX_BYTES, MAX_BYTES, 2 * MIB]
    assert in_portions(data, [MAX_BYTES]) == [MAX_BYTES, MAX_BYTES, 2 * MIB]
    assert list(cut(bytes(MAX_BYTES), is_end=False)) == [MAX_BYTES]
    assert list(cut(bytes(MAX_BYTES - 1), is_end=False)) == []


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), where=st.floats(0, 1))
def test_starting_again_at_a_boundary_finds_the_same_later_ones(seed: int, where: float) -> None:
    chunks = pieces(Random(seed).randbytes(8 * MIB))
    start = int(where * (len(chunks) - 1))
    assert pieces(b"".join(chunks[start:])) == chunks[start:]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), where=st.floats(0.1, 0.9), inserted=st.binary(min_size=1, max_size=5000))
def test_an_insertion_changes_the_chunks_around_it_only(seed: int, where: float, inserted: bytes) -> None:
    data = Random(seed).randbytes(24 * MIB)
    at = int(where * len(data))
    before = set(pieces(data))
    after = pieces(data[:at] + inserted + data[at:])
    new = [chunk for chunk in after if chunk not in before]
    assert 1 <= len(new) <= 8
    assert sum(map(len, new)) <= 12 * MIB
