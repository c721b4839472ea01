"""What Teams says of settings, channels and messages, as changes. Pure.

Each change carries what was read in ``transient``, so that fetching it seldom asks again.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared_code.graph.odata import text_of, time_of
from shared_code.graph.teams.ids import TEAM_SETTINGS_ID, MessagePlace, channel_settings_id, messages_feed
from shared_code.model.item import Change, ItemKind
from shared_code.model.outcome import SkipCause

READ = "read"
UNREAD = "unread"
INCOMING = "incoming/"
UNLISTED_INCOMING = "incoming"
_NAME_CHARACTERS = 120
_TAG = re.compile(r"<[^<>]*>")  # a second "<" ends it, or "<<<<" would take for ever
_SPACE = re.compile(r"\s+")
_TEAM_SETTINGS = (
    "displayName",
    "description",
    "visibility",
    "classification",
    "specialization",
    "isArchived",
    "memberSettings",
    "guestSettings",
    "messagingSettings",
    "funSettings",
)
_CHANNEL_SETTINGS = (
    "displayName",
    "description",
    "membershipType",
    "isFavoriteByDefault",
    "isArchived",
    "layoutType",
)


def team_change(team: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> Change:
    """The team's settings and members as one item."""
    people = _without_annotations(members)
    native = {"team": _without_annotations(team), "members": people}
    seen = [_chosen(team, _TEAM_SETTINGS), _memberships(people)]
    return _settings_change(
        TEAM_SETTINGS_ID, ItemKind.TEAM_SETTINGS, "", text_of(team.get("displayName")), native, seen
    )


def channel_change(channel: Mapping[str, Any], *, is_primary: bool, owners: Sequence[str]) -> Change:
    """A channel as the folder of its messages. Its properties suffice to make it again."""
    channel_id, membership = text_of(channel.get("id")), membership_of(channel)
    properties = {
        "membershipType": membership,
        "description": text_of(channel.get("description")),
        "createdDateTime": text_of(channel.get("createdDateTime")),
        "primary": is_primary,
        "owners": list(owners),
    }
    name = text_of(channel.get("displayName"))
    return Change(
        channel_id,
        ItemKind.CHANNEL,
        name=name,
        etag=digest_of([name, properties]),
        opens_feed=messages_feed(channel_id, is_shared=membership == "shared"),
        properties={key: value for key, value in properties.items() if value},
    )


def channel_settings_change(
    channel: Mapping[str, Any],
    members: Sequence[Mapping[str, Any]],
    tabs: Sequence[Mapping[str, Any]],
    unread: Mapping[str, str] | None = None,
) -> Change:
    """A channel's definition, its own members (private and shared ones have some) and its tabs as one item.

    ``unread``: which of these could not be read, and the status that was answered. The item says so, as a part of what
    is stored and in its properties, and is another one as soon as they can be read."""
    channel_id = text_of(channel.get("id"))
    people, pages = _without_annotations(members), _without_annotations(tabs)
    native: dict[str, Any] = {"channel": _without_annotations(channel), "members": people, "tabs": pages}
    seen: list[Any] = [_chosen(channel, _CHANNEL_SETTINGS), _memberships(people), pages]
    if unread:
        native[UNREAD] = dict(unread)
        seen.append(dict(unread))
    name = text_of(channel.get("displayName"))
    item_id = channel_settings_id(channel_id)
    change = _settings_change(item_id, ItemKind.CHANNEL_SETTINGS, channel_id, name, native, seen)
    return replace(change, properties={UNREAD: dict(unread)}) if unread else change


def incoming_change(channel: Mapping[str, Any]) -> Change:
    """A channel that another team shares with this one: named here, covered there."""
    return Change(
        f"{INCOMING}{text_of(channel.get('id'))}",
        ItemKind.CHANNEL,
        name=text_of(channel.get("displayName")),
        etag="incoming",
        skip_cause=SkipCause.CHANNEL_OF_ANOTHER_TEAM,
    )


def unlisted_incoming_change(status: str) -> Change:
    """What stands for the channels that others share with this team when they cannot be listed."""
    return Change(
        UNLISTED_INCOMING,
        ItemKind.CHANNEL,
        name=f"Channels that other teams share could not be listed ({status})",
        etag=f"unlisted.{status}",
        skip_cause=SkipCause.CHANNEL_OF_ANOTHER_TEAM,
    )


def membership_of(channel: Mapping[str, Any]) -> str:
    """Standard, private or shared."""
    return text_of(channel.get("membershipType")) or "standard"


def roles_of(member: Mapping[str, Any]) -> list[str]:
    """The roles of a member; none where that is no list."""
    roles = member.get("roles")
    return [role for role in roles if isinstance(role, str)] if isinstance(roles, list) else []


def message_change(value: Mapping[str, Any], channel_id: str) -> Change | None:
    """A message or reply; None for a system message, which is no content of people, and for one without an id.

    Deleted messages keep their place at Graph, without content: that is a deletion. One that cannot be kept as it is
    (nested deeper than JSON is written) comes without what was read, so that it fails alone, when it is fetched.
    """
    message_id, root_id = text_of(value.get("id")), text_of(value.get("replyToId"))
    if not message_id or text_of(value.get("messageType")) != "message":
        return None
    place = MessagePlace(channel_id, message_id, root_id)
    if value.get("deletedDateTime"):
        return Change(place.item_id, ItemKind.CHANNEL_MESSAGE, deleted=True, parent_id=channel_id)
    text = _kept_text(value)
    return Change(
        place.item_id,
        ItemKind.CHANNEL_MESSAGE,
        parent_id=channel_id,
        name=_title(value),
        sender=author_of(value)[1],
        time=time_of(value.get("createdDateTime")),
        size_bytes=len(text),
        etag=_message_etag(value, text),
        properties={
            "channelId": channel_id,
            "messageId": message_id,
            **({"rootId": root_id} if root_id else {}),
        },
        transient={READ: text} if text else {},
    )


def author_of(value: Mapping[str, Any]) -> tuple[str, str]:
    """Id (empty for anything but a user) and name of who wrote a message."""
    sender = value.get("from")
    if not isinstance(sender, Mapping):
        return "", ""
    for kind in ("user", "application", "device"):
        identity = sender.get(kind)
        if isinstance(identity, Mapping):
            user_id = text_of(identity.get("id")) if kind == "user" else ""
            return user_id, text_of(identity.get("displayName"))
    return "", ""


def plain_text(content: str) -> str:
    """HTML without its tags, white space collapsed."""
    return _SPACE.sub(" ", html.unescape(_TAG.sub(" ", content))).strip()


def canonical(value: Any) -> str:
    """JSON that is the same for the same value; ASCII, for tenants hold broken Unicode."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def digest_of(value: Any) -> str:
    """A short digest over canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:32]


def _settings_change(item_id: str, kind: ItemKind, parent_id: str, name: str, native: Any, seen: Any) -> Change:
    text = canonical(native)
    return Change(
        item_id,
        kind,
        parent_id=parent_id,
        name=name,
        size_bytes=len(text),
        etag=digest_of(seen),
        transient={READ: text},
    )


def _kept_text(value: Mapping[str, Any]) -> str:
    own = {name: entry for name, entry in value.items() if not name.startswith("replies")}
    try:
        return canonical(_without_annotations(own))
    except (RecursionError, ValueError):
        return ""


def _message_etag(value: Mapping[str, Any], text: str) -> str:
    # lastModifiedDateTime covers reactions too ("chatMessage resource type", checked 2026-11).
    stamps = f"{text_of(value.get('etag'))}.{text_of(value.get('lastModifiedDateTime'))}"
    return stamps if stamps != "." else hashlib.sha256(text.encode()).hexdigest()[:32]


def _title(value: Mapping[str, Any]) -> str:
    subject = text_of(value.get("subject"))
    if subject:
        return subject[:_NAME_CHARACTERS]
    body = value.get("body")
    return plain_text(text_of(body.get("content")))[:_NAME_CHARACTERS] if isinstance(body, Mapping) else ""


def _chosen(value: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value.get(name) for name in names}


def _memberships(members: Any) -> list[list[Any]]:
    return sorted([text_of(member.get("userId")), sorted(roles_of(member))] for member in members)


def _without_annotations(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_annotations(each) for name, each in value.items() if "@" not in name or name[0] != "@"}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_without_annotations(each) for each in value]
    return value
