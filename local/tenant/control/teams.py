"""What tests and the demo do in Teams: one method for each edit operation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from local.tenant.control.connection import ControlConnection, Json, base64_text


class TeamControl(ControlConnection):
    """Teams, their channels and messages. `team` is an id, `channel` an id or a name, `message` an id."""

    def add_team(
        self, tenant: str, name: str, *, owners: Sequence[str], members: Sequence[str] = (), **more: Any
    ) -> str:
        """Make a team with a General channel; `description`, `visibility`, `apps` are optional. Return its id."""
        return str(self.edit(tenant, "add_team", name=name, owners=list(owners), members=list(members), **more)["team"])

    def change_team(self, tenant: str, team: str, **changes: Any) -> None:
        """Change name, description, visibility, is_archived, settings (name -> properties) or apps."""
        self.edit(tenant, "change_team", team=team, **changes)

    def delete_team(self, tenant: str, team: str) -> None:
        """Delete a team with all it holds."""
        self.edit(tenant, "delete_team", team=team)

    def set_team_member(self, tenant: str, team: str, user: str, role: str, *, channel: str = "") -> None:
        """Make somebody owner, member or none of them, of the team or of a private or shared channel."""
        self.edit(tenant, "set_team_member", team=team, user=user, role=role, channel=channel)

    def add_channel(
        self,
        tenant: str,
        team: str,
        name: str,
        *,
        membership: str = "standard",
        owners: Sequence[str] = (),
        members: Sequence[str] = (),
        description: str | None = None,
    ) -> str:
        """Make a channel (standard, private, shared); return its id."""
        fields: Json = {"membership": membership, "owners": list(owners), "members": list(members)}
        result = self.edit(tenant, "add_channel", team=team, name=name, description=description, **fields)
        return str(result["channel"])

    def change_channel(self, tenant: str, team: str, channel: str, **changes: Any) -> None:
        """Change new_name, new_description, new_is_favorite, or share it with the team `shared_with`."""
        self.edit(tenant, "change_channel", team=team, channel=channel, **changes)

    def delete_channel(self, tenant: str, team: str, channel: str) -> None:
        """Delete a channel; its name stays taken for 30 days."""
        self.edit(tenant, "delete_channel", team=team, channel=channel)

    def add_tab(self, tenant: str, team: str, channel: str, name: str, **more: Any) -> str:
        """Add a tab; `app` and `configuration` are optional. Return its id."""
        return str(self.edit(tenant, "add_tab", team=team, channel=channel, name=name, **more)["tab"])

    def post_message(
        self,
        tenant: str,
        team: str,
        channel: str,
        user: str,
        content: str,
        *,
        images: Sequence[bytes] = (),
        reply_to: str | None = None,
        **more: Any,
    ) -> str:
        """Post a message or reply; `{image}` in the content stands for the next image. `created`, `subject`,
        `importance`, `content_type`, `attachments`, `mentions` (users), `message_type`, `app_name` are optional. Return
        its id."""
        fields: Json = {"images": [base64_text(image) for image in images], "reply_to": reply_to, **more}
        result = self.edit(tenant, "post_message", team=team, channel=channel, user=user, content=content, **fields)
        return str(result["message"])

    def edit_message(self, tenant: str, team: str, channel: str, message: str, content: str) -> None:
        """Change the content of a message."""
        self.edit(tenant, "edit_message", team=team, channel=channel, message=message, content=content)

    def delete_message(self, tenant: str, team: str, channel: str, message: str, *, undo: bool = False) -> None:
        """Delete a message softly, as people do, or undo that."""
        self.edit(tenant, "delete_message", team=team, channel=channel, message=message, undo=undo)

    def purge_message(self, tenant: str, team: str, channel: str, message: str) -> None:
        """Remove a message without a trace, as a retention policy does."""
        self.edit(tenant, "purge_message", team=team, channel=channel, message=message)

    def react(
        self, tenant: str, team: str, channel: str, message: str, user: str, reaction: str = "like", **more: Any
    ) -> None:
        """React to a message, or (`undo`) take that back."""
        self.edit(tenant, "react", team=team, channel=channel, message=message, user=user, reaction=reaction, **more)

    def teams(self, tenant: str) -> list[Json]:
        """Return `team`, `name` and `channels` (`channel`, `name`, `migration`) of all teams."""
        return list(self.edit(tenant, "list_teams")["teams"])

    def team_oracle(self, tenant: str, team: str) -> Iterator[Json]:
        """Yield the truth about a team, record by record, without ids."""
        return self.lines(f"tenants/{tenant}/oracle?{urlencode({'team': team, 'kind': 'team'})}")
