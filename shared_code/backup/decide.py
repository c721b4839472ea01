"""What to do about one reported change, given what the vault holds. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

from shared_code.model.item import Change, ItemVersion
from shared_code.model.versions import PreviousVersions


class Action(Enum):
    """What a change asks for."""

    NOTHING = auto()
    """The vault holds exactly this."""
    CONFIRM = auto()
    """Unchanged, but a relisting has to see that it is still there."""
    RECORD = auto()
    """Something without content: a folder."""
    REUSE = auto()
    """New metadata for content that is stored: a rename, a move, a copy."""
    FETCH = auto()
    STREAM = auto()
    BURY = auto()
    SKIP = auto()


@dataclass(frozen=True, slots=True)
class Decision:
    """An action, with the stored version that it builds on."""

    action: Action
    version: ItemVersion | None = None


def decide(
    feed: str,
    change: Change,
    previous: PreviousVersions,
    *,
    relisting: bool,
    stream_from_bytes: int,
    force: bool = False,
) -> Decision:
    """Decide on one change of ``feed``. ``relisting``: the feed is being listed anew after its cursor expired.
    ``force``: what is stored is damaged, so it is fetched whatever it looks like."""
    newest = previous.by_key.get((feed, change.item_id))
    living = newest if newest is not None and not newest.change.deleted else None
    if change.deleted:
        return Decision(Action.BURY if living else Action.NOTHING, living)
    if change.skip_cause:
        return Decision(Action.SKIP, living)
    fetch = Decision(Action.STREAM if change.size_bytes > stream_from_bytes else Action.FETCH, living)
    if force and not change.kind.is_folder:
        return fetch
    if living and _same(living.change, change):
        return Decision(Action.CONFIRM if relisting else Action.NOTHING, living)
    if change.kind.is_folder:
        return Decision(Action.RECORD, living)
    stored = _same_content(change, living, previous)
    return Decision(Action.REUSE, stored) if stored else fetch


def _same(stored: Change, change: Change) -> bool:
    """Whether nothing changed. An item's etag covers all of it; folders may come without one."""
    if stored.etag != change.etag or stored.parent_id != change.parent_id or stored.kind is not change.kind:
        return False
    return bool(change.etag) or replace(change, time=stored.time) == stored


def _same_tag(living: ItemVersion, change: Change) -> bool:
    """Without a hash the content tag decides, which the source changes with the bytes alone."""
    tag, stored = change.properties.get("cTag"), living.change
    is_same = tag == stored.properties.get("cTag") and change.size_bytes == stored.size_bytes
    return bool(tag) and is_same and not stored.content_hash and bool(living.representations)


def _same_content(change: Change, living: ItemVersion | None, previous: PreviousVersions) -> ItemVersion | None:
    if not change.content_hash:
        return living if living and _same_tag(living, change) else None
    if living and living.change.content_hash == change.content_hash:
        # The same hash under a new content tag: quickXorHash is no cryptographic hash, and two changes can cancel
        # each other out in it. What the source calls new content is read.
        same_tag = living.change.properties.get("cTag") == change.properties.get("cTag")
        return living if same_tag and living.representations else None
    stored = previous.by_hash.get(change.content_hash)
    return stored if stored and stored.change.size_bytes == change.size_bytes else None
