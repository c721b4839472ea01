"""QuickXorHash against a literal reading of its definition."""

import base64
import random

import pytest

from local.tenant.drives.quick_xor import QuickXor, quick_xor_base64


def literal(data: bytes) -> str:
    bits = [0] * 160
    for index, byte in enumerate(data):
        for bit in range(8):
            bits[(11 * index + bit) % 160] ^= byte >> bit & 1
    for bit in range(64):
        bits[96 + bit] ^= len(data) >> bit & 1
    value = sum(bit << place for place, bit in enumerate(bits))
    return base64.b64encode(value.to_bytes(20, "little")).decode()


@pytest.mark.parametrize("size", [0, 1, 14, 15, 19, 20, 21, 159, 160, 161, 320, 4097, 163_839, 163_840, 163_841])
def test_equals_the_literal_reading(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert quick_xor_base64(data) == literal(data)


def test_known_value() -> None:
    assert quick_xor_base64(b"hello") == "aCgDG9jwBgAAAAAABQAAAAAAAAA="


def test_pieces_of_any_size_make_no_difference() -> None:
    chance = random.Random(1)
    data = chance.randbytes(700_000)
    hasher = QuickXor()
    position = 0
    while position < len(data):
        size = chance.choice([1, 159, 160, 4096, 163_840, 200_001])
        hasher.update(data[position : position + size])
        position += size
    assert hasher.digest_base64() == quick_xor_base64(data)
