"""Generated content: the same from every offset, incompressible or not, exact in size."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.tenant.drives.content import Content, GeneratedContent, GeneratedText, Spool, SpooledContent, slices

SIZE = 3_000_001


@pytest.mark.parametrize("content", [GeneratedContent("s", SIZE), GeneratedText("s", SIZE)])
def test_any_range_is_a_piece_of_the_whole(content: Content) -> None:
    whole = b"".join(slices(content))
    assert len(whole) == SIZE

    @given(st.integers(0, SIZE - 1), st.integers(1, 70_000))
    def check(offset: int, length: int) -> None:
        length = min(length, SIZE - offset)
        assert content.read(offset, length) == whole[offset : offset + length]

    check()


def test_compressibility_and_seeds() -> None:
    size = 200_000
    noise, text = GeneratedContent("s", size).read(0, size), GeneratedText("s", size).read(0, size)
    assert len(zlib.compress(noise)) > size
    assert len(zlib.compress(text)) < size * 0.6
    assert GeneratedContent("s", size).read(0, size) == noise
    assert GeneratedContent("t", size).read(0, size) != noise
    assert noise[:100_000] != noise[100_000:]


def test_spooled_fragments_read_as_one() -> None:
    spool = Spool()
    parts = [bytes([number]) * (number * 1000 + 1) for number in range(1, 6)]
    fragments = [(spool.append(part), len(part)) for part in parts]
    content = SpooledContent(spool, fragments)
    whole = b"".join(parts)
    assert b"".join(slices(content)) == whole
    assert content.read(900, 4000) == whole[900:4900]
    spool.close()
