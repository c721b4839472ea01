"""Migration mode of a channel: entered for one batch of messages, left behind it, whatever happens.

Nobody can post while a channel is in it. So it is entered only when there is something to import and left before any of
the batch is reported as written: a slice that broke off is repeated with at least one item of the batch, finds the
channel in migration mode and leaves it. Sources: graph-docs channel-startmigration, channel-completemigration (v1.0,
checked 2026-11).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from shared_code.errors import SourceError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.odata import text_of, time_of, with_query
from shared_code.graph.teams.import_body import format_ms

_IN_PROGRESS = "inProgress"
PERMISSION = "Teamwork.Migrate.All"
READ_CHANNELS = "ChannelSettings.Read.All"
_REFUSED = 400
_SELECT = ("id", "createdDateTime", "migrationMode")


class Migration:
    """An async context manager around the import into one channel. ``begin`` may be called many times."""

    def __init__(self, client: GraphClient, team_id: str, channel_id: str) -> None:
        self._client = client
        self._builder = client.graph.teams.by_team_id(team_id).channels.by_channel_id(channel_id)
        self._ids = {"team_id": team_id, "channel_id": channel_id}
        self._created = datetime.max.replace(tzinfo=UTC)
        self._is_open = False

    async def __aenter__(self) -> Self:
        """Reads the channel: one that an interrupted import left in migration mode is ours to complete."""
        self._is_open = await self._is_in_progress()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_open:
            await self._complete()

    async def begin(self, earliest: datetime) -> None:
        """Enter migration mode, so that messages from ``earliest`` on can be imported. Raises SourceError."""
        reaches_back = earliest <= self._created
        if self._is_open and not reaches_back:
            return
        if self._is_open:  # entered with a later time: that cannot be changed inside
            await self._complete()
        body: dict[str, Any] = {}
        if reaches_back:
            self._created = earliest - timedelta(seconds=1)
            body["conversationCreationDateTime"] = format_ms(self._created)
        info = self._client.request("POST", "/teams/{team_id}/channels/{channel_id}/startMigration", **self._ids)
        asked = Asked("open a channel for import", PERMISSION, self._ids)
        self._is_open = True  # also when the answer is lost: then leaving finds out
        await self._ask(info, body or None, asked, wanted=True)

    async def _complete(self) -> None:
        info = self._builder.complete_migration.to_post_request_information()
        await self._ask(info, None, Asked("close a channel's import", PERMISSION, self._ids), wanted=False)
        self._is_open = False

    async def _ask(self, info: Any, body: Any, asked: Asked, *, wanted: bool) -> None:
        """Both are refused where there is nothing to do, so after a lost answer too: the channel itself tells."""
        try:
            await self._client.send_json(info, body, asked, idempotent=True)
        except SourceError as error:
            if error.context.get("status") != _REFUSED or await self._is_in_progress() is not wanted:
                raise

    async def _is_in_progress(self) -> bool:
        asked = Asked("read a channel", READ_CHANNELS, self._ids)
        info = with_query(self._builder.to_get_request_information(), select=_SELECT)
        channel = await self._client.get_json(info, asked)
        self._created = time_of(channel.get("createdDateTime")) or self._created
        return text_of(channel.get("migrationMode")) == _IN_PROGRESS
