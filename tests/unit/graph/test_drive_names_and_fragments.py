"""What drives take of names and of upload sessions, without a drive."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_code.errors import IntegrityError
from shared_code.graph.drives.target_names import escaped, is_writable, numbered
from shared_code.graph.drives.target_upload import FRAGMENT_BYTES, fragments

ANY_NAME = st.text(st.characters(), max_size=300)


@given(ANY_NAME)
def test_every_name_has_an_escaped_form_that_can_be_written(name: str) -> None:
    assert is_writable(escaped(name))


@given(ANY_NAME, ANY_NAME)
def test_two_names_never_share_their_escaped_form(one: str, other: str) -> None:
    assert (escaped(one).casefold() == escaped(other).casefold()) == (one == other)


@given(ANY_NAME.filter(is_writable), st.integers(1, 99))
def test_a_numbered_name_can_be_written_and_is_another(name: str, number: int) -> None:
    assert is_writable(numbered(name, number))
    assert numbered(name, number) != name


@pytest.mark.parametrize("size_bytes", [1, FRAGMENT_BYTES - 1, FRAGMENT_BYTES, FRAGMENT_BYTES + 1, 2 * FRAGMENT_BYTES])
async def test_fragments_are_full_but_for_the_last(size_bytes: int) -> None:
    content = bytes(range(256)) * (size_bytes // 256 + 1)

    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, size_bytes, 777_777):
            yield content[start : min(start + 777_777, size_bytes)]

    found = [fragment async for fragment in fragments(stream(), size_bytes)]
    assert b"".join(found) == content[:size_bytes]
    assert {len(fragment) for fragment in found[:-1]} <= {FRAGMENT_BYTES}
    assert 0 < len(found[-1]) <= FRAGMENT_BYTES
    for wrong in (size_bytes - 1, size_bytes + 1):
        given_out = []
        with pytest.raises(IntegrityError):
            async for fragment in fragments(stream(), wrong):
                given_out.append(fragment)  # noqa: PERF401 - what comes before the error counts
        assert sum(map(len, given_out)) < size_bytes
