"""Bodies of requests to Teams that more than one call takes: a member with roles, and a message to be imported.

Sources: graph-docs team-post-members, channel-post-members, teams-import-messages, channel-post-messages (v1.0, checked
2026-11).
"""

from __future__ import annotations

import base64
import re
from typing import Any

from local.tenant.answers import Json, bad_request
from local.tenant.call import Call, member
from local.tenant.teams.answers import not_found
from local.tenant.teams.team import Channel, Message, TeamRefusal, hosted_content, moment_of

_BOUND_USER = re.compile(r"/users(?:/|\(')([^/')]+)")
_TEMPORARY = re.compile(r"\.\./hostedContents/([^/\"']+)/\$value")
_TAG = re.compile(r"<attachment id=[\"']([^\"']*)[\"']")
_LARGEST_IMAGE_BYTES = 4 << 20
_CLOCKS_DIFFER_MS = 1000


def wanted_member(call: Call, body: Any) -> tuple[str, list[str]]:
    """The user and the roles of a body that adds a member. Raises 400 or 404."""
    if not isinstance(body, dict) or body.get("@odata.type") != "#microsoft.graph.aadUserConversationMember":
        raise bad_request("Bad format of conversation member.")
    bound = _BOUND_USER.search(str(body.get("user@odata.bind", "")))
    person = call.home.person(bound[1]) if bound else None
    if person is None:
        raise not_found("The user")
    return person.user_id, roles_of(body)


def roles_of(body: Json) -> list[str]:
    """The roles in a body. Raises 400."""
    held = body.get("roles") or []
    if not isinstance(held, list) or any(role not in ("owner", "guest") for role in held):
        raise bad_request("Invalid roles.")
    return ["owner"] if "owner" in held else []


def imported_message(call: Call, channel: Channel, root_id: str) -> Message:
    """The message of a body that imports one, checked by the rules of migration. Raises 400, 403, 409."""
    if channel.migration != "inProgress":
        raise TeamRefusal(403, "Forbidden", "Application-only posting is for channels in migration mode.")
    if channel.migrating_app != call.app_id:
        raise TeamRefusal(403, "Forbidden", "Another application has started this migration.")
    body = call.json_body()
    sender = member(member(body, "from", dict) or {}, "user", dict) or {}
    person = call.home.people.get(str(sender.get("id")))
    if person is None:
        raise bad_request("'from' must name a user of this tenant.")
    created_ms = _created(call, channel, body)
    item_body = member(body, "body", dict) or {}
    if not isinstance(item_body.get("content"), str):
        raise bad_request("Missing body content.")
    message = Message(
        str(created_ms),
        root_id,
        created_ms,
        created_ms,
        person.user_id,
        subject=member(body, "subject", str),
        importance=member(body, "importance", str) or "normal",
        content_type=str(item_body.get("contentType", "text")),
        content=item_body["content"],
        attachments=list(member(body, "attachments", list) or []),
    )
    if body.get("reactions") or body.get("mentions"):
        raise bad_request("Reactions and mentions cannot be imported.")
    _take_images(message, member(body, "hostedContents", list) or [])
    named = set(_TAG.findall(message.content))
    if named - {str(each.get("id")) for each in message.attachments}:
        raise bad_request("The body names an attachment that is not there.")
    if any(each.get("contentType") != "reference" for each in message.attachments):
        raise bad_request("Only links to files can be imported as attachments.")
    return message


def _created(call: Call, channel: Channel, body: Json) -> int:
    book = call.home.team_book
    text = member(body, "createdDateTime", str)
    if text is None:
        return book.free_ms(channel)
    try:
        created_ms = moment_of(text)
    except ValueError as error:
        raise bad_request("createdDateTime is no time.") from error
    if created_ms <= channel.created_ms:
        raise bad_request("createdDateTime must be later than that of the channel.")
    if created_ms > book.now_ms() + _CLOCKS_DIFFER_MS:
        raise bad_request("createdDateTime must not be in the future.")
    if channel.is_taken(created_ms):
        raise TeamRefusal(409, "Conflict", "A message with this createdDateTime exists.")
    return created_ms


def _take_images(message: Message, images: list[Json]) -> None:
    known: dict[str, str] = {}
    for number, image in enumerate(images, 1):
        try:
            data = base64.b64decode(str(image.get("contentBytes")), validate=True)
        except ValueError as error:
            raise bad_request("contentBytes is no base64.") from error
        if len(data) > _LARGEST_IMAGE_BYTES:
            raise TeamRefusal(413, "RequestEntityTooLarge", "The image is too large.")
        hosted = hosted_content(data, str(image.get("contentType", "image/png")), number)
        message.hosted[hosted.content_id] = hosted
        known[str(image.get("@microsoft.graph.temporaryId"))] = hosted.content_id
    if set(_TEMPORARY.findall(message.content)) != set(known):
        raise bad_request("The images of the body and the hosted contents are not the same.")
    message.content = _TEMPORARY.sub(lambda found: f"hosted:{known[found[1]]}", message.content)
