"""quickXorHash against a literal reading of its description."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_code.graph.drives.quickxor import QuickXorDigest


def literal(data: bytes) -> bytes:
    """Bit by bit, as the description says."""
    register = [0] * 160
    for index, byte in enumerate(data):
        for bit in range(8):
            register[(11 * index + bit) % 160] ^= byte >> bit & 1
    result = bytearray(sum(register[8 * place + bit] << bit for bit in range(8)) for place in range(20))
    for place, byte in enumerate(len(data).to_bytes(8, "little")):
        result[12 + place] ^= byte
    return bytes(result)


def of(data: bytes) -> bytes:
    digest = QuickXorDigest()
    digest.update(data)
    return digest.digest()


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="), (b"A", "QQAAAAAAAAAAAAAAAQAAAAAAAAA=")],
)
def test_known_values(data: bytes, expected: str) -> None:
    assert base64.b64encode(of(data)).decode() == expected


@given(st.binary(max_size=1500))
def test_is_the_literal_hash(data: bytes) -> None:
    assert of(data) == literal(data)


@given(st.lists(st.binary(max_size=400), max_size=12))
def test_portions_and_resumption_do_not_matter(portions: list[bytes]) -> None:
    digest = QuickXorDigest()
    for portion in portions:
        digest.update(portion)
        digest = QuickXorDigest.resumed(digest.state())
    whole = b"".join(portions)
    assert digest.digest() == literal(whole)
    assert digest.size_bytes == len(whole)


@pytest.mark.parametrize("size", [160 * 1024 - 1, 160 * 1024, 160 * 1024 + 1, 2_000_003])
def test_long_runs_fold_right(size: int) -> None:
    pattern = bytes((7 * n + n // 251) % 256 for n in range(size))
    digest = QuickXorDigest()
    digest.update(pattern[:100_001])
    digest.update(pattern[100_001:])
    reduced = QuickXorDigest()
    for start in range(0, size, 160):
        reduced.update(pattern[start : start + 160])
    assert digest.digest() == reduced.digest()


def test_matches() -> None:
    digest = QuickXorDigest()
    digest.update(b"hello")
    assert digest.matches(digest.content_hash())
    assert digest.matches("")
    assert not digest.matches("quickXorHash:AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    assert not digest.matches("quickXorHash:!!")


@pytest.mark.parametrize("state", ["x", "1", "1:", "-1:0", "1:-1", "1:" + "f" * 400])
def test_a_state_that_is_none_is_refused(state: str) -> None:
    with pytest.raises(ValueError):
        QuickXorDigest.resumed(state)
