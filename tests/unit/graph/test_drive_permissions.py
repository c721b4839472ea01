"""Permissions as they are stored, and what it takes to make them so again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_code.graph.drives.permissions import (
    GUEST,
    PROTECTED,
    SITE_IDENTITY,
    UNKNOWN_KIND,
    note_of,
    owners,
    sharing_plan,
    stored_permissions,
    with_permissions,
    with_permissions_of,
)
from shared_code.model.item import Change, ItemKind

FILE = Change("f", ItemKind.FILE, name="a.txt", etag="e1")
BEN = {"user": {"id": "ben", "displayName": "Ben"}}
GRANT = {"id": "1", "roles": ["write"], "grantedToV2": BEN}
LINK = {"id": "2", "roles": ["read"], "link": {"type": "view", "scope": "organization", "webUrl": "https://x/secret"}}
OWNER = {"id": "0", "roles": ["owner"], "grantedToV2": {"user": {"id": "ada"}}}


def _plan(*stored: dict[str, Any], present: tuple[dict[str, Any], ...] = (OWNER,)) -> Any:
    return sharing_plan(stored_permissions(stored), stored_permissions(present), owners(present))


def test_neither_ids_nor_the_addresses_of_links_nor_the_owner_are_stored() -> None:
    stored = stored_permissions([OWNER, LINK, GRANT])
    assert "secret" not in json.dumps(stored)
    assert stored == stored_permissions([GRANT, {**LINK, "id": "other"}])
    assert len(stored) == 2


def test_what_is_there_is_not_asked_for_again() -> None:
    plan = _plan(GRANT, LINK, present=(OWNER, {**LINK, "id": "9"}, {**GRANT, "id": "8"}))
    assert (plan.requests, plan.notes.total()) == ([], 0)


def test_a_grant_of_its_own_is_made_although_the_folder_gives_the_same() -> None:
    plan = _plan(GRANT, present=(OWNER, {**GRANT, "inheritedFrom": {"id": "folder"}}))
    assert [action for action, _ in plan.requests] == ["invite"]


def test_what_comes_from_a_folder_above_is_the_folders() -> None:
    assert stored_permissions([{**GRANT, "inheritedFrom": {"id": "folder"}}]) == []


def test_nobody_is_written_to() -> None:
    people = {**LINK, "link": {"type": "edit", "scope": "users"}, "grantedToIdentitiesV2": [BEN]}
    plan = _plan({**GRANT, "expirationDateTime": "2030-01-01T00:00:00Z"}, people)
    bodies = dict(plan.requests)
    assert bodies["invite"]["sendInvitation"] is False
    assert bodies["invite"]["expirationDateTime"] == "2030-01-01T00:00:00Z"
    assert bodies["createLink"]["sendNotification"] is False
    assert bodies["createLink"]["recipients"] == [{"objectId": "ben"}]


@pytest.mark.parametrize(
    ("permission", "reason"),
    [
        ({"roles": ["read"], "invitation": {"email": "g@x.example"}}, GUEST),
        ({**LINK, "hasPassword": True}, PROTECTED),
        ({**LINK, "link": {"type": "view", "scope": "organization", "preventsDownload": True}}, UNKNOWN_KIND),
        ({**LINK, "link": {"type": "review", "scope": "organization"}}, UNKNOWN_KIND),
        ({"roles": ["read"], "grantedToV2": {"siteGroup": {"id": "3"}}}, SITE_IDENTITY),
        ({"roles": ["sp.full control"], "grantedToV2": BEN}, UNKNOWN_KIND),
    ],
)
def test_what_cannot_be_made_again_has_a_reason(permission: dict[str, Any], reason: str) -> None:
    plan = _plan(permission)
    assert (plan.requests, plan.notes) == ([], {reason: 1})
    assert note_of(plan.notes) == f"Of its sharing: 1 {reason}."


def test_the_owner_needs_no_grant() -> None:
    grant = {"roles": ["write"], "grantedToV2": {"user": {"id": "ada"}}}
    assert _plan(grant).requests == []


def test_permissions_are_part_of_the_etag() -> None:
    shared = with_permissions(FILE, stored_permissions([GRANT]))
    assert shared.etag.startswith("e1#")
    assert shared.etag != with_permissions(FILE, stored_permissions([LINK])).etag
    assert with_permissions(FILE, []) is FILE
    assert with_permissions(FILE, [], unread="403").etag not in (FILE.etag, shared.etag)
    newer = Change("f", ItemKind.FILE, name="b.txt", etag="e2")
    assert with_permissions_of(newer, shared).properties == shared.properties
    assert with_permissions_of(newer, shared).etag.startswith("e2#")


def test_a_link_for_those_who_have_access_already_opens_nothing_and_is_not_stored() -> None:
    idle = {"id": "0", "roles": ["read"], "link": {"scope": "existingAccess", "type": "view"}}
    real = {"id": "1", "roles": ["read"], "link": {"scope": "organization", "type": "view"}}
    assert stored_permissions([idle, real]) == stored_permissions([real])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_NAMES = ("roles", "link", "grantedToV2", "grantedToIdentitiesV2", "invitation", "hasPassword", "inheritedFrom")


@given(st.lists(st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=5), max_size=4))
def test_odd_answers_never_raise(values: list[dict[str, Any]]) -> None:
    stored = stored_permissions(values)
    plan = sharing_plan(stored, (), owners(values))
    json.dumps([stored, plan.requests, note_of(plan.notes)])
