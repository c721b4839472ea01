"""A channel message as a page for people: one HTML file with its images inside. Pure.

The body is what somebody wrote, so it is shown under a policy that runs no script and loads nothing from elsewhere.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from shared_code.graph.odata import text_of
from shared_code.graph.teams.changes import author_of

# Bounded, as all patterns over what people wrote: none takes longer than its text is long, times a constant.
HOSTED = re.compile(r"(?:https?://[^\"'\s<>]{0,1000}?)?hostedContents/([^/\"'\s<>]{1,500})/\$value")
UNREAD_IMAGES = "unreadImages"
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_IMAGE_TYPE = re.compile(r"image/[a-z0-9.+-]{1,40}")


def readable(native: Mapping[str, Any]) -> bytes:
    """The page of a stored message."""
    message = native["message"]
    images = {text_of(each.get("id")): each for each in native.get("hostedContents") or []}
    unread = native.get(UNREAD_IMAGES) or {}
    raw_body = message.get("body")
    body: Mapping[str, Any] = raw_body if isinstance(raw_body, Mapping) else {}
    content = text_of(body.get("content"))
    if text_of(body.get("contentType")) != "html":
        content = f"<pre>{html.escape(content)}</pre>"
    content = HOSTED.sub(lambda found: _data_url(images.get(found[1])), content)
    subject = text_of(message.get("subject"))
    lines = [
        "<!DOCTYPE html>",
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta charset="utf-8">',
        f"<title>{html.escape(subject or 'Message')}</title>",
        f"<p><strong>{html.escape(author_of(message)[1])}</strong> {_when(message)}</p>",
        f"<h1>{html.escape(subject)}</h1>" if subject else "",
        f"<div>{content}</div>",
        f"<p>{len(unread)} inline image(s) could not be read on the day of the backup.</p>" if unread else "",
        *(f"<p>Attachment: {_attachment(each)}</p>" for each in _objects(message.get("attachments"))),
        *(f"<p>Reaction: {_reaction(each)}</p>" for each in _objects(message.get("reactions"))),
    ]
    return "\n".join(line for line in lines if line).encode("utf-8", "xmlcharrefreplace")


def _when(message: Mapping[str, Any]) -> str:
    edited = text_of(message.get("lastEditedDateTime"))
    shown = text_of(message.get("createdDateTime")) + (f", edited {edited}" if edited else "")
    return html.escape(shown)


def _data_url(image: Mapping[str, Any] | None) -> str:
    if image is None:
        return ""
    kind = text_of(image.get("contentType")).lower()
    kind = kind if _IMAGE_TYPE.fullmatch(kind) else "image/png"
    return f"data:{kind};base64,{text_of(image.get('contentBytes'))}"


def _attachment(attachment: Mapping[str, Any]) -> str:
    name, url = text_of(attachment.get("name")), text_of(attachment.get("contentUrl"))
    content = text_of(attachment.get("content"))
    return html.escape(" ".join(each for each in (name, url, content) if each))


def _reaction(reaction: Mapping[str, Any]) -> str:
    user = reaction.get("user")
    name = author_of({"from": user})[1] if isinstance(user, Mapping) else ""
    return html.escape(f"{text_of(reaction.get('reactionType'))} {name}")


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
