"""Azure's lifecycle management on a MemoryBlobStore, from the JSON that is deployed (infra/lifecycle.json).

Modelled, and nothing else is accepted: rules over block blobs by prefix and by blob index tags; deletion and tiering
of current versions (``baseBlob``), deletion of previous ones (``version``). As documented ("Lifecycle management
policy structure", "Lifecycle management policies that delete blobs", checked 2026-11-24): at most 100 rules, 10
prefixes and 10 tag conditions a rule; tags index current versions only; a current version is not deleted while it
has previous ones; what WORM forbids stays and is tried again the next day. Two readings are the pessimistic ones, so
that the rules prove to be enough for both: deleting a current version leaves it behind as a previous one, and a pass
acts on what there was when it began, so that what one rule leaves behind is seen by another on the next day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from shared_code.errors import BlobLockedError, ConfigError
from shared_code.vault.blob_store import BlobInfo
from shared_code.vault.memory_blob import MemoryBlobStore, StoredBlob

_MAX_RULES, _MAX_PREFIXES, _MAX_TAGS = 100, 10, 10
_TIERS = {"tierToCool": "Cool", "tierToCold": "Cold", "tierToArchive": "Archive"}
_CREATION, _MODIFICATION = "daysAfterCreationGreaterThan", "daysAfterModificationGreaterThan"
_AGES = {"baseBlob": {_CREATION, _MODIFICATION}, "version": {_CREATION}}
_ACTIONS = {"baseBlob": {"delete", *_TIERS}, "version": {"delete"}}


def apply_lifecycle(store: MemoryBlobStore, policy: Mapping[str, Any], container: str, now: datetime) -> list[str]:
    """One daily pass over the store; returns the names of what it deleted for good, once a version. Raises ConfigError
    for rules that Azure would refuse or that are not modelled."""
    check_policy(policy)
    deleted: list[str] = []
    previous = {name: set(blob.versions) - {blob.current} for name, blob in store.blobs.items()}
    for rule in policy["rules"]:
        if not rule.get("enabled", True):
            continue
        filters, actions = rule["definition"].get("filters", {}), rule["definition"]["actions"]
        for name, blob in list(store.blobs.items()):
            if not _prefix_matches(filters, f"{container}/{name}"):
                continue
            if "version" in actions and not filters.get("blobIndexMatch"):
                condition = actions["version"]["delete"]
                deleted += _delete_previous(store, name, blob, previous[name], condition, now)
            if "baseBlob" in actions and blob.current is not None and _tags_match(filters, blob):
                deleted += _act_on_current(store, name, blob, previous[name], actions["baseBlob"], now)
    return deleted


def check_policy(policy: Mapping[str, Any]) -> None:
    """Raises ConfigError naming everything that Azure would refuse, or that is not modelled here."""
    rules = policy["rules"]
    problems = [f"{rule['name']}: {problem}" for rule in rules for problem in _problems_of(rule)]
    if not 1 <= len(rules) <= _MAX_RULES:
        problems.append(f"{len(rules)} rules, of at least 1 and at most {_MAX_RULES}")
    if len({rule["name"] for rule in rules}) < len(rules):
        problems.append("rules of the same name")
    if problems:
        raise ConfigError(problems)


def _problems_of(rule: Mapping[str, Any]) -> Iterator[str]:
    filters, actions = rule["definition"].get("filters", {}), rule["definition"]["actions"]
    if rule["type"] != "Lifecycle" or filters.get("blobTypes") != ["blockBlob"]:
        yield "only Lifecycle rules over block blobs"
    if set(filters) - {"blobTypes", "prefixMatch", "blobIndexMatch"}:
        yield "filters other than those modelled"
    if len(filters.get("prefixMatch", [])) > _MAX_PREFIXES or len(filters.get("blobIndexMatch", [])) > _MAX_TAGS:
        yield "too many prefixes or tag conditions"
    if any(condition["op"] != "==" for condition in filters.get("blobIndexMatch", [])):
        yield "a tag condition other than =="
    if not actions or not all(actions.values()):
        yield "no action"
    for subject, of_subject in actions.items():
        if set(of_subject) - _ACTIONS.get(subject, set()):
            yield f"actions on {subject} other than those modelled"
        for condition in of_subject.values():
            if len(condition) != 1 or set(condition) - _AGES.get(subject, set()):
                yield f"an age on {subject} other than those modelled"
            elif not all(isinstance(days, int) and days >= 0 for days in condition.values()):
                yield f"an age on {subject} that is no number of days"


def _prefix_matches(filters: Mapping[str, Any], path: str) -> bool:
    prefixes = filters.get("prefixMatch")
    return not prefixes or any(path.startswith(prefix) for prefix in prefixes)


def _tags_match(filters: Mapping[str, Any], blob: StoredBlob) -> bool:
    """Whether the current version has the tags: no other is in the index."""
    tags = blob.versions[blob.current].info.tags if blob.current is not None else {}
    return all(tags.get(condition["name"]) == condition["value"] for condition in filters.get("blobIndexMatch", []))


def _old_enough(condition: Mapping[str, int], info: BlobInfo, now: datetime) -> bool:
    (days,) = condition.values()
    return info.created_at is not None and now - info.created_at > timedelta(days=days)


def _deletable(store: MemoryBlobStore, info: BlobInfo) -> bool:
    try:
        store.check_deletable(info)
    except BlobLockedError:
        return False
    return True


def _act_on_current(
    store: MemoryBlobStore,
    name: str,
    blob: StoredBlob,
    previous: set[str],
    actions: Mapping[str, Any],
    now: datetime,
) -> Iterator[str]:
    assert blob.current is not None  # noqa: S101 - the caller has looked
    version = blob.versions[blob.current]
    for action, tier in _TIERS.items():
        if action in actions and _old_enough(actions[action], version.info, now):
            version.tier = tier
    wanted = "delete" in actions and _old_enough(actions["delete"], version.info, now)
    if wanted and not previous and _deletable(store, version.info):
        store.retire(name)
        if name not in store.blobs:
            yield name


def _delete_previous(
    store: MemoryBlobStore,
    name: str,
    blob: StoredBlob,
    previous: set[str],
    condition: Mapping[str, int],
    now: datetime,
) -> Iterator[str]:
    for version_id in sorted(previous & set(blob.versions)):
        version = blob.versions[version_id]
        if _old_enough(condition, version.info, now) and _deletable(store, version.info):
            del blob.versions[version_id]
            yield name
    if not blob.versions:
        store.blobs.pop(name, None)
