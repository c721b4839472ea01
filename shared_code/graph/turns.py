"""The turn that a request waits for before it is sent, and what its answer tells about the next ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from shared_code.graph.answer import Asked
from shared_code.graph.governor import Governor
from shared_code.graph.tolls import Toll, toll_of, transfer_toll


class Turns:
    """As ``governor`` gives them; without one every request goes at once, and nothing keeps below Graph's limits."""

    def __init__(self, governor: Governor | None) -> None:
        self._governor = governor

    def tolls(self, requests: Sequence[tuple[str, str, int]], asked: Asked) -> list[Toll]:
        """What requests (method, address, size of the body) count for; nothing where nobody asks."""
        if self._governor is None:
            return []
        tolls = [toll_of(method, url, size_bytes) for method, url, size_bytes in requests]
        kind, _, user_id = (asked.ids or {}).get("resource_id", "").partition(".")
        if kind == "mailbox":
            for mailbox_id in {toll.mailbox for toll in tolls}:
                self._governor.same_mailbox(mailbox_id, user_id)
        return tolls

    def tolls_of(self, info: Any, asked: Asked) -> list[Toll]:
        """What a request of the SDK's builders counts for. Its address is expanded only where somebody asks."""
        if self._governor is None:
            return []
        return self.tolls([(info.http_method.value, str(info.url), len(info.content or b""))], asked)

    def transfer_tolls(self, method: str, url: str, size_bytes: int = 0) -> list[Toll]:
        """What a request to a pre-authenticated URL counts for."""
        return [] if self._governor is None else [transfer_toll(method, url, size_bytes)]

    def wait(self, tolls: Sequence[Toll]) -> AbstractAsyncContextManager[None]:
        """Wait for the turn of a request, and count it as under way until the block is left."""
        return nullcontext() if self._governor is None else self._governor.turn(tolls)

    async def heard(self, tolls: Sequence[Toll], status: int, headers: Mapping[str, str]) -> None:
        """Slow down, or pause, as an answer asks for."""
        if self._governor is not None:
            await self._governor.heard(tolls, status, headers)

    async def note_licences(self, count: int) -> None:
        """Some of Graph's limits depend on the tenant's number of licences."""
        if self._governor is not None:
            await self._governor.note_licences(count)

    def same_mailbox(self, mailbox_id: str, user_id: str) -> None:
        """Both ids stand for one mailbox, whose limits they share."""
        if self._governor is not None:
            self._governor.same_mailbox(mailbox_id, user_id)
