"""Azure's lifecycle management on a MemoryBlobStore, from the JSON that is deployed (infra/lifecycle.json).

Modelled, and nothing else is accepted: rules over block blobs by prefix and by blob index tags; deletion and tiering
of current versions (``baseBlob``), deletion of previous ones (``version``). As documented ("Lifecycle management
policy structure", "Lifecycle management policies that delete blobs", checked 2026-11-24): at most 100 rules, 10
prefixes and 10 tag conditions a rule; tags index current versions only; a current version is not deleted while it
has previous ones; what WORM forbids stays and is tried again the next day. Deleting a current version leaves it
behind as a previous one: the pessimistic reading, so that the rules prove to be enough for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from shared_code.errors import BlobLockedError, ConfigError
from shared_code.vault.blob_store import BlobInfo
from shared_code.vault.memory_blob import MemoryBlobStore, StoredBlob

_MAX_RULES, _MAX_PREFIXES, _MAX_TAGS = 100, 10, 10
_TIERS = {"tierToCool": "Cool", "tierToCold": "Cold", "tierToArchive": "Archive"}
_AGES = ("daysAfterModificationGreaterThan", "daysAfterCreationGreaterThan")


def apply_lifecycle(store: MemoryBlobStore, policy: Mapping[str, Any], container: str, now: datetime) -> list[str]:
    """One daily pass over the store; returns the names of what it deleted for good. Raises ConfigError for rules that
    Azure would refuse or that are not modelled."""
    check_policy(policy)
    deleted: list[str] = []
    for rule in policy["rules"]:
        if not rule["enabled"]:
            continue
        definition = rule["definition"]
        filters, actions = definition["filters"], definition["actions"]
        for name, blob in list(store.blobs.items()):
            if not _prefix_matches(filters, f"{container}/{name}"):
                continue
            if "version" in actions and not filters.get("blobIndexMatch"):
                _delete_previous(store, name, blob, actions["version"]["delete"], now, deleted)
            if "baseBlob" in actions and blob.current is not None:
                _act_on_current(store, name, blob, filters, actions["baseBlob"], now)
    return deleted


def check_policy(policy: Mapping[str, Any]) -> None:
    """Raises ConfigError naming everything that Azure would refuse, or that is not modelled here."""
    problems: list[str] = []
    rules = policy["rules"]
    if len(rules) > _MAX_RULES:
        problems.append(f"{len(rules)} rules, of at most {_MAX_RULES}")
    for rule in rules:
        filters, actions = rule["definition"]["filters"], rule["definition"]["actions"]
        name = rule["name"]
        if rule["type"] != "Lifecycle" or filters["blobTypes"] != ["blockBlob"]:
            problems.append(f"{name}: only Lifecycle rules over block blobs")
        if len(filters.get("prefixMatch", [])) > _MAX_PREFIXES or len(filters.get("blobIndexMatch", [])) > _MAX_TAGS:
            problems.append(f"{name}: too many prefixes or tag conditions")
        if set(actions) - {"baseBlob", "version"} or set(actions.get("version", {})) - {"delete"}:
            problems.append(f"{name}: actions other than those modelled")
        if set(actions.get("baseBlob", {})) - {"delete", *_TIERS}:
            problems.append(f"{name}: actions other than those modelled")
    if problems:
        raise ConfigError(problems)


def _prefix_matches(filters: Mapping[str, Any], path: str) -> bool:
    prefixes = filters.get("prefixMatch")
    return not prefixes or any(path.startswith(prefix) for prefix in prefixes)


def _tags_match(filters: Mapping[str, Any], info: BlobInfo) -> bool:
    conditions = filters.get("blobIndexMatch", [])
    return all(info.tags.get(one["name"]) == one["value"] for one in conditions if one["op"] == "==")


def _old_enough(condition: Mapping[str, Any], info: BlobInfo, now: datetime) -> bool:
    days = next(condition[age] for age in _AGES if age in condition)
    return info.created_at is not None and now - info.created_at > timedelta(days=days)


def _act_on_current(
    store: MemoryBlobStore,
    name: str,
    blob: StoredBlob,
    filters: Mapping[str, Any],
    actions: Mapping[str, Any],
    now: datetime,
) -> None:
    assert blob.current is not None  # noqa: S101 - the caller has looked
    version = blob.versions[blob.current]
    if not _tags_match(filters, version.info):
        return
    for action, tier in _TIERS.items():
        if action in actions and _old_enough(actions[action], version.info, now):
            version.tier = tier
    if "delete" in actions and len(blob.versions) == 1 and _old_enough(actions["delete"], version.info, now):
        try:
            store.check_deletable(version.info)
        except BlobLockedError:
            return
        store.retire(name)


def _delete_previous(
    store: MemoryBlobStore,
    name: str,
    blob: StoredBlob,
    condition: Mapping[str, Any],
    now: datetime,
    deleted: list[str],
) -> None:
    for version_id, version in list(blob.versions.items()):
        if version_id == blob.current or not _old_enough(condition, version.info, now):
            continue
        try:
            store.check_deletable(version.info)
        except BlobLockedError:
            continue
        del blob.versions[version_id]
        deleted.append(name)
    if not blob.versions:
        del store.blobs[name]
