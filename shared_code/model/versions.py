"""Answers of the catalog: what backup and restore ask the vault for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared_code.model.item import ItemVersion


@dataclass(frozen=True, slots=True)
class PreviousVersions:
    """What a batch of changes meets in the catalog: the newest version of each (feed, item id) that is known, the
    newest living one of each item id in any feed, one stored one for each content hash. Tombstones are in
    ``by_key`` only."""

    by_key: Mapping[tuple[str, str], ItemVersion]
    by_item: Mapping[str, ItemVersion]
    by_hash: Mapping[str, ItemVersion]


@dataclass(frozen=True, slots=True)
class BrowsePage:
    """One page of a folder's living children; ``next_token`` asks for the next one, empty on the last."""

    versions: tuple[ItemVersion, ...]
    next_token: str
