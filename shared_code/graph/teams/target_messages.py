"""Messages written back into one channel, in migration mode: with their authors and times, replies below their message.

*Untouched* (it lives under its id with the stored text): left alone. *Edited since*: left alone, or restored beside; an
app cannot change a message. *Gone*: imported as a new message. Graph refuses a second message of the same millisecond,
so one that was imported before is found by its author, text and time, and nothing is doubled; where something else has
that millisecond (the remains of a deleted message), the next free one is taken, and said.
Sources: graph-docs teams-import-messages (409 for a taken time), channel-post-messages (v1.0, checked 2026-11).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from shared_code.errors import BackupError, SourceError, SourceUnavailableError, TargetConflictError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of
from shared_code.graph.target_outcomes import is_items_own
from shared_code.graph.teams.import_body import created_of, format_ms
from shared_code.graph.teams.migration import PERMISSION, Migration
from shared_code.graph.teams.target_seen import MOST_SHIFTS_MS, MessageWork, SeenMessages, moment_of
from shared_code.model.resource import Resource
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import WriteState, Written

_REFUSED, _TAKEN = 400, 409
_TRIES = 3
_CHANGED = (
    "It is there and was edited since; an app cannot change it. Choose keep_both to have the stored one beside it."
)
_NO_AUTHOR = "its author is an app or has no account here, so it stands in an owner's name and says who wrote it"
_NO_ROOT = "<em>The message that was answered here is not among what was restored; this note stands for it.</em>"


@dataclass(frozen=True, slots=True)
class _Imported:
    """A message that is at the target now, to be read again and compared."""

    work: MessageWork
    made: Mapping[str, Any]
    state: WriteState

    @property
    def place(self) -> tuple[str, str]:
        """Its id and that of the message that it answers."""
        return text_of(self.made.get("id")), text_of(self.made.get("replyToId"))


class TargetMessages:
    """The messages of one channel of the target, for the length of a slice. ``owner`` tells an owner of the team."""

    def __init__(
        self, client: GraphClient, resource: Resource, channel_id: str, owner: Callable[[], Awaitable[str]]
    ) -> None:
        self._client = client
        self._owner = owner
        self._own = {"team": resource.source_id, "channel": channel_id}
        self._seen = SeenMessages(client, resource, channel_id)
        self._roots: dict[str, str] = {}

    async def write(self, works: Sequence[MessageWork]) -> list[Written]:
        """Write messages back, oldest first, leave migration mode, then read them again and compare; one answer for
        each. Raises what concerns all of them."""
        ordered = sorted(works, key=lambda work: (work.stored.created, bool(work.root_id)))
        outcomes: list[Written | _Imported] = []
        async with Migration(self._client, self._own["team"], self._own["channel"]) as migration:
            living = await self._seen.living(ordered)
            for work in ordered:
                try:
                    outcomes.append(await self._write_one(work, living.get(work.item.id), migration))
                except BackupError as error:
                    if not is_items_own(error) and not isinstance(error, TargetConflictError):
                        raise
                    outcomes.append(Written(work.item.id, WriteState.FAILED, error=error.message))
        imported = [each for each in outcomes if isinstance(each, _Imported)]
        again = iter(await self._seen.read(each.place for each in imported))
        return [await self._compared(each, next(again)) if isinstance(each, _Imported) else each for each in outcomes]

    async def _write_one(
        self, work: MessageWork, present: Mapping[str, Any] | None, migration: Migration
    ) -> Written | _Imported:
        if present is not None:
            if not work.root_id:
                self._roots[work.message_id] = work.message_id
            if not await self._seen.differences(work.stored, present):
                return Written(work.item.id, WriteState.EXISTING, self._seen.place(present))
            if work.item.conflict is not ConflictRule.KEEP_BOTH:
                return Written(work.item.id, WriteState.OCCUPIED, self._seen.place(present), error=_CHANGED)
        if not work.stored.author_id:
            return await self._write_new(await self._in_an_owners_name(work), migration)
        try:
            return await self._write_new(work, migration)
        except SourceError as error:
            if error.context.get("status") != _REFUSED:
                raise
            # Mostly an author who has left; when that is not the cause, it is refused again.
            return await self._write_new(await self._in_an_owners_name(work), migration)

    async def _in_an_owners_name(self, work: MessageWork) -> MessageWork:
        return replace(work, stored=work.stored.in_name_of(await self._owner()), is_in_anothers_name=True)

    async def _write_new(self, work: MessageWork, migration: Migration) -> Written | _Imported:
        found = await self._seen.earlier(work) if work.item.tried_before else None
        if found is not None:
            return self._imported(work, found, WriteState.RESTORED)
        root_id = await self._root_of(work, migration) if work.root_id else ""
        await migration.begin(work.stored.created)
        for shift_ms in range(MOST_SHIFTS_MS):
            try:
                made = await self._post(root_id, work.stored.payload(shift_ms), partial(self._seen.earlier, work))
            except SourceError as error:
                if error.context.get("status") != _TAKEN:
                    raise
                found = await self._seen.earlier(work) if not shift_ms else None
                if found is not None:
                    return self._imported(work, found, WriteState.EXISTING)
                continue
            return self._imported(work, made, WriteState.RESTORED)
        return Written(work.item.id, WriteState.FAILED, error="Other messages have its time and those after it.")

    def _imported(self, work: MessageWork, made: Mapping[str, Any], state: WriteState) -> _Imported:
        if not work.root_id:
            self._roots[work.message_id] = text_of(made.get("id"))
        return _Imported(work, made, state)

    async def _post(
        self, root_id: str, payload: Mapping[str, Any], find: Callable[[], Awaitable[dict[str, Any] | None]]
    ) -> dict[str, Any]:
        """Import one message. After an answer that was lost, what it may have left there is looked for with ``find``
        in a fresh listing before anything is sent again."""
        path = "/teams/{team}/channels/{channel}/messages" + ("/{root}/replies" if root_id else "")
        own = self._own | ({"root": root_id} if root_id else {})
        asked = Asked("import a message", PERMISSION, {"channel_id": self._own["channel"]})
        for attempt in range(_TRIES):
            info = self._client.request("POST", path, **own)
            try:
                made = await self._client.send_json(info, dict(payload), asked, idempotent=False)
            except SourceUnavailableError:
                self._seen.forget()
                found = await find()
                if found is not None:
                    return found
                if attempt == _TRIES - 1:
                    raise
            else:
                made = {**made, "replyToId": root_id or None}
                self._seen.note(made)
                return made
        raise AssertionError("unreachable")

    async def _compared(self, imported: _Imported, seen: Mapping[str, Any] | None) -> Written:
        work, state = imported.work, imported.state
        if seen is None:
            return Written(work.item.id, WriteState.DIFFERS, error="It was imported and is not there now.")
        differences = await self._seen.differences(work.stored, seen)
        created = created_of(seen) or work.stored.created
        shift_ms = round((created - work.stored.created).total_seconds() * 1000)
        notes = work.stored.losses()
        if work.is_in_anothers_name:
            state = WriteState.DIFFERS if state is WriteState.RESTORED else state
            notes.append(_NO_AUTHOR)
        if shift_ms:
            notes.append(f"its time is {shift_ms} ms later, for another message, mostly a deleted one, has its own")
        if differences:
            state, notes = WriteState.DIFFERS, ["differs in " + ", ".join(differences), *notes]
        text = ("Restored; " + "; ".join(notes) + ".") if notes else ""
        return Written(work.item.id, state, self._seen.place(seen), work.item.version.change.size_bytes, text)

    async def _root_of(self, work: MessageWork, migration: Migration) -> str:
        """Id at the target of the message that this one answers: the original where it lives, one that was imported
        for it, or a note in its place."""
        known = self._roots.get(work.root_id)
        if known is None:
            known = await self._living_root(work)
            if not known:
                imported = await self._seen.root_at(moment_of(work.root_id))
                known = text_of(imported.get("id")) if imported else await self._note_in_place(work, migration)
            self._roots[work.root_id] = known
        return known

    async def _living_root(self, work: MessageWork) -> str:
        if work.item.version.change.parent_id != self._own["channel"]:
            return ""
        [root] = await self._seen.read([(work.root_id, "")])
        return "" if root is None else work.root_id

    async def _note_in_place(self, work: MessageWork, migration: Migration) -> str:
        """A reply needs a message to stand below."""
        first = moment_of(work.root_id) or work.stored.created - timedelta(seconds=1)
        for shift_ms in range(MOST_SHIFTS_MS):
            moment = first + timedelta(milliseconds=shift_ms)
            await migration.begin(moment)
            payload = {
                "createdDateTime": format_ms(moment),
                "from": {"user": {"id": await self._owner(), "userIdentityType": "aadUser"}},
                "body": {"contentType": "html", "content": _NO_ROOT},
            }
            try:
                made = await self._post("", payload, partial(self._seen.root_at, first))
            except SourceError as error:
                if error.context.get("status") != _TAKEN:
                    raise
                continue
            return text_of(made.get("id"))
        raise SourceError("Other messages have the time of the message that this one answers.")
