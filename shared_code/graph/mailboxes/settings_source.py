"""Reading the settings of mailboxes: the questions for a batch, and what the answers mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared_code.errors import SourceError, SourceUnavailableError, ThrottledError
from shared_code.graph.answer import Asked
from shared_code.graph.batch import BatchAnswer
from shared_code.graph.client import GraphClient
from shared_code.graph.mailboxes.settings import PERMISSION, rules_of, settings_change, settings_content
from shared_code.graph.whole_collections import all_values
from shared_code.model.feed import Fetched, FetchState
from shared_code.model.item import Change, Form
from shared_code.model.resource import Resource

# A mailbox that knows no rules answers one of these. A refused request (400) may pass: taken for "no rules", it would
# be stored as a change of the settings that nobody made.
_NO_RULES = frozenset({404, 405, 501})


class MailboxSettingsSource:
    """The settings of any mailbox of a tenant."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    def questions(self, resource: Resource) -> list[Any]:
        """The requests to put into a batch."""
        user = self._client.graph.users.by_user_id(resource.attributes.get("user_id") or resource.source_id)
        rules = user.mail_folders.by_mail_folder_id("inbox").message_rules
        return [user.mailbox_settings.to_get_request_information(), rules.to_get_request_information()]

    async def read(self, resource: Resource, answers: Sequence[BatchAnswer]) -> bytes:
        """What the answers to the questions say, as it is stored. Raises SourceError."""
        settings, rules = answers
        ids = {"resource_id": resource.id}
        if not settings.is_success:
            raise settings.error(Asked("read mailbox settings", PERMISSION, ids))
        asked = Asked("read inbox rules", PERMISSION, ids)
        if rules.status in _NO_RULES:
            return settings_content(settings.json_object(), None)
        if not rules.is_success:
            raise rules.error(asked)
        found = rules_of({"value": await all_values(self._client, rules, asked)})
        return settings_content(settings.json_object(), found)

    async def fetch(self, resource: Resource, change: Change) -> Fetched:
        """Read the settings as they are now. Raises SourceError for what concerns more than this item."""
        asked = Asked("read mailbox settings", PERMISSION, {"resource_id": resource.id})
        try:
            content = await self.read(resource, await self._client.batch(self.questions(resource), asked))
        except ThrottledError:
            raise
        except SourceError as error:
            if isinstance(error, SourceUnavailableError) and "status" not in error.context:
                raise
            return Fetched(change, change, FetchState.FAILED, {}, error=error.message)
        return Fetched(change, settings_change(content), FetchState.FETCHED, {Form.NATIVE: content})
