"""A stored message as one to be imported, and whether what was imported is what was stored. Pure.

Migration takes author, time, text, inline images and links to files. It takes no reactions; mentions would notify
people again, so they come back as text; cards and quotes of other messages are not imported. What a message loses is
said of that message. Sources: graph-docs teams-import-messages, channel-post-messages; "Import third-party platform
messages to Teams", additional import scope (checked 2026-11).
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared_code.graph.odata import text_of, time_of
from shared_code.graph.teams.changes import author_of, plain_text
from shared_code.graph.teams.readable import HOSTED, UNREAD_IMAGES

_MENTION = re.compile(r"</?at(?:\s[^<>]*)?>", re.IGNORECASE)
_ATTACHMENT = re.compile(r"<attachment\s+id=[\"']([^\"'<>]*)[\"'][^<>]*>(?:\s*</attachment>)?", re.IGNORECASE)
_LINK_TO_FILE = "reference"
_ATTACHMENT_PARTS = ("id", "contentType", "contentUrl", "name")


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message out of the vault."""

    message: Mapping[str, Any]
    images: tuple[Mapping[str, Any], ...]
    unread_images: int = 0

    @classmethod
    def of(cls, native: Any) -> StoredMessage | None:
        """From the parsed native form; None for anything else."""
        message = native.get("message") if isinstance(native, Mapping) else None
        if not isinstance(message, Mapping) or created_of(message) is None:
            return None
        images = native.get("hostedContents")
        found = [each for each in images if isinstance(each, Mapping)] if isinstance(images, list) else []
        unread = native.get(UNREAD_IMAGES)
        return cls(message, tuple(found), len(unread) if isinstance(unread, Mapping) else 0)

    @property
    def created(self) -> datetime:
        """When it was written, to the millisecond."""
        return created_of(self.message) or datetime.min.replace(tzinfo=UTC)

    @property
    def author_id(self) -> str:
        """The user who wrote it; empty for apps and people without an account."""
        return author_of(self.message)[0]

    def in_name_of(self, user_id: str) -> StoredMessage:
        """The same message by somebody who has an account, with a first line that says who wrote it and when."""
        name = author_of(self.message)[1] or "somebody without an account"
        line = f"[{name}, {format_ms(self.created)}]"
        body = self.message.get("body")
        content = text_of(body.get("content")) if isinstance(body, Mapping) else ""
        is_text = self._content_type() == "text"
        told = f"{line} {content}" if is_text else f"<p><strong>{html.escape(line)}</strong></p>{content}"
        changed = {
            "from": {"user": {"id": user_id}},
            "body": {"contentType": self._content_type(), "content": told},
        }
        return replace(self, message={**self.message, **changed})

    def payload(self, shift_ms: int = 0) -> dict[str, Any]:
        """The body of the request that imports it, ``shift_ms`` later than it was written."""
        user_id, name = author_of(self.message)
        body: dict[str, Any] = {
            "createdDateTime": format_ms(self.created + timedelta(milliseconds=shift_ms)),
            "from": {"user": {"id": user_id, "displayName": name, "userIdentityType": "aadUser"}},
            "importance": text_of(self.message.get("importance")) or "normal",
            "body": {"contentType": self._content_type(), "content": self._content()},
        }
        if subject := text_of(self.message.get("subject")):
            body["subject"] = subject
        links = [{part: each.get(part) for part in _ATTACHMENT_PARTS} for each in _links(self.message)]
        if links:
            body["attachments"] = links
        images = [self._image(number) for number in range(len(self.images))]
        if images:
            body["hostedContents"] = images
        return body

    def losses(self) -> list[str]:
        """What of it cannot be imported."""
        found = []
        if self.message.get("reactions"):
            found.append("its reactions cannot be restored")
        if self.message.get("mentions"):
            found.append("its mentions came back as text")
        if len(_attachments(self.message)) > len(_links(self.message)):
            found.append("cards and quoted messages in it cannot be restored")
        if self.unread_images:
            found.append(f"{self.unread_images} inline image(s) could not be read on the day of the backup")
        return found

    def differences(self, seen: Mapping[str, Any], image_digests: list[str]) -> list[str]:
        """Which properties of the message ``seen`` at the target are not the stored ones. Images are compared by
        their digests, the body by its text: Teams writes its own HTML."""
        mine = {
            "author": self.author_id,
            "subject": text_of(self.message.get("subject")),
            "importance": text_of(self.message.get("importance")) or "normal",
            "text": _text(self.message),
            "links": sorted(text_of(each.get("contentUrl")) for each in _links(self.message)),
            "images": sorted(self.image_digests()),
        }
        theirs = {
            "author": author_of(seen)[0],
            "subject": text_of(seen.get("subject")),
            "importance": text_of(seen.get("importance")) or "normal",
            "text": _text(seen),
            "links": sorted(text_of(each.get("contentUrl")) for each in _links(seen)),
            "images": sorted(image_digests),
        }
        return [name for name, value in mine.items() if theirs[name] != value]

    def is_like(self, seen: Mapping[str, Any], within: timedelta) -> bool:
        """Whether ``seen`` may be an earlier import of this message: its author, its text, and its time or a
        little later."""
        created = created_of(seen)
        if created is None or seen.get("deletedDateTime"):
            return False
        is_near = timedelta(0) <= created - self.created <= within
        return is_near and author_of(seen)[0] == self.author_id and _text(seen) == _text(self.message)

    def image_digests(self) -> list[str]:
        """SHA-256 of each image."""
        return [hashlib.sha256(_bytes_of(image)).hexdigest() for image in self.images]

    def _content_type(self) -> str:
        body = self.message.get("body")
        return "text" if isinstance(body, Mapping) and body.get("contentType") == "text" else "html"

    def _content(self) -> str:
        body = self.message.get("body")
        content = text_of(body.get("content")) if isinstance(body, Mapping) else ""
        if self._content_type() == "text":
            return content
        numbers = {text_of(image.get("id")): number for number, image in enumerate(self.images, 1)}
        kept = {text_of(each.get("id")) for each in _links(self.message)}
        content = _MENTION.sub("", content)
        content = _ATTACHMENT.sub(lambda found: found[0] if found[1] in kept else "", content)
        return HOSTED.sub(lambda found: _temporary(numbers.get(found[1])), content)

    def _image(self, place: int) -> dict[str, str]:
        image = self.images[place]
        return {
            "@microsoft.graph.temporaryId": str(place + 1),
            "contentBytes": text_of(image.get("contentBytes")),
            "contentType": text_of(image.get("contentType")) or "image/png",
        }


def created_of(message: Mapping[str, Any]) -> datetime | None:
    """When a message was written."""
    created = time_of(message.get("createdDateTime"))
    return created.replace(microsecond=created.microsecond // 1000 * 1000) if created else None


def format_ms(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def image_ids(message: Mapping[str, Any]) -> list[str]:
    """The inline images that a message's body names."""
    body = message.get("body")
    return list(dict.fromkeys(HOSTED.findall(text_of(body.get("content"))))) if isinstance(body, Mapping) else []


def _temporary(number: int | None) -> str:
    return f"../hostedContents/{number}/$value" if number else ""


def _text(message: Mapping[str, Any]) -> str:
    body = message.get("body")
    if not isinstance(body, Mapping):
        return ""
    content = text_of(body.get("content"))
    if body.get("contentType") == "text":
        return " ".join(content.split())
    return plain_text(_MENTION.sub("", content))


def _attachments(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = message.get("attachments")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _links(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in _attachments(message) if each.get("contentType") == _LINK_TO_FILE]


def _bytes_of(image: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(text_of(image.get("contentBytes")), validate=True)
    except ValueError:
        return b""
