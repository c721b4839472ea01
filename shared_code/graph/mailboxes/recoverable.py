"""The folders of Recoverable Items as folders of a mailbox's snapshots.

What was deleted for good lies there until its retention ends. The feed of folders does not tell of these folders, so
they have one of their own, which looks them up by their well-known names until all are known; their items come by the
same feeds as those of any folder. ``recoverableitemsdeletions`` is documented ("mailFolder resource type", checked
2026-11); the other two names are Exchange's and are left out where Graph does not take them `[?]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared_code.graph.answer import Asked
from shared_code.graph.batch import BatchAnswer
from shared_code.graph.client import GraphClient
from shared_code.graph.mailboxes.changes import items_feed
from shared_code.graph.odata import text_of, with_query
from shared_code.model.feed import FeedPage
from shared_code.model.item import Change, ItemKind
from shared_code.model.resource import Resource

RECOVERABLE_FEED = "recoverable"
RECOVERABLE_PROPERTY = "recoverable"

# The names under which people find them, here and after a restore, which makes ordinary folders of them.
_NAMES = {
    "recoverableitemsdeletions": "Recoverable Items (Deletions)",
    "recoverableitemsversions": "Recoverable Items (Versions)",
    "recoverableitemspurges": "Recoverable Items (Purges)",
}
_ALL_KNOWN = "known:all"
_SOME_KNOWN = "known:some"
_NOT_THERE = frozenset({400, 404})


class MailboxRecoverable:
    """The feed ``recoverable`` of any mailbox of a tenant."""

    def __init__(self, client: GraphClient, *, enabled: bool) -> None:
        self._client = client
        self.enabled = enabled

    def questions(self, resource: Resource, cursor: str | None) -> list[Any]:
        """The requests to put into a batch; none once all folders are known, for their ids never change."""
        if not self.enabled or cursor == _ALL_KNOWN:
            return []
        user = self._client.graph.users.by_user_id(resource.attributes.get("user_id") or resource.source_id)
        return [
            with_query(user.mail_folders.by_mail_folder_id(name).to_get_request_information(), select=["id"])
            for name in _NAMES
        ]

    def page(self, resource: Resource, cursor: str | None, answers: Sequence[BatchAnswer]) -> FeedPage:
        """What the answers say. Switched off, the feed is empty and starts anew in the next run, which buries what it
        held. Raises SourceError."""
        if not self.enabled:
            return FeedPage((), None, finished=True)
        if not answers:
            return FeedPage((), cursor, finished=True)
        asked = Asked("look up Recoverable Items", "Mail.Read", {"resource_id": resource.id})
        changes: list[Change] = []
        for name, answer in zip(_NAMES, answers, strict=True):
            if answer.is_success:
                changes += _folder(name, text_of(answer.json_object().get("id")))
            elif answer.status not in _NOT_THERE:
                raise answer.error(asked)
        is_all = len(changes) == len(_NAMES)
        return FeedPage(tuple(changes), _ALL_KNOWN if is_all else _SOME_KNOWN, finished=True)


def _folder(name: str, folder_id: str) -> list[Change]:
    if not folder_id:
        return []
    properties = {"type": "IPF.Note", RECOVERABLE_PROPERTY: name}
    feed = items_feed(folder_id)
    return [Change(folder_id, ItemKind.MAIL_FOLDER, name=_NAMES[name], opens_feed=feed, properties=properties)]
