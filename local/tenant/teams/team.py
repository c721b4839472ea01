"""Teams of a tenant with their members, channels and messages. State alone; what Graph says of it is elsewhere."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.tenant.clock import TenantClock

BUILT_IN_APPS = ("com.microsoft.teamspace.tab.web",)
_RESERVED_NAME_MS = 30 * 86_400_000
DEFAULT_SETTINGS: dict[str, dict[str, Any]] = {
    "memberSettings": {
        "allowCreateUpdateChannels": True,
        "allowCreatePrivateChannels": True,
        "allowDeleteChannels": True,
        "allowAddRemoveApps": True,
        "allowCreateUpdateRemoveTabs": True,
        "allowCreateUpdateRemoveConnectors": True,
    },
    "guestSettings": {"allowCreateUpdateChannels": False, "allowDeleteChannels": False},
    "messagingSettings": {
        "allowUserEditMessages": True,
        "allowUserDeleteMessages": True,
        "allowOwnerDeleteMessages": True,
        "allowTeamMentions": True,
        "allowChannelMentions": True,
    },
    "funSettings": {
        "allowGiphy": True,
        "giphyContentRating": "moderate",
        "allowStickersAndMemes": True,
        "allowCustomMemes": True,
    },
}


class TeamRefusal(Exception):  # noqa: N818 -- what a service refuses is no fault of its own
    """What Teams does not allow: the status and code that Graph answers, and why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(slots=True)
class Tab:
    """A tab of a channel."""

    tab_id: str
    name: str
    app_id: str
    configuration: dict[str, Any]


@dataclass(slots=True)
class HostedContent:
    """An inline image of a message."""

    content_id: str
    content_type: str
    data: bytes


@dataclass(slots=True)
class Message:
    """A root message or, with a ``root_id``, a reply. Its id is the time of its creation in milliseconds."""

    message_id: str
    root_id: str
    created_ms: int
    modified_ms: int
    user_id: str = ""
    app_name: str = ""
    subject: str | None = None
    importance: str = "normal"
    content_type: str = "html"
    content: str = ""
    attachments: list[dict[str, Any]] = field(default_factory=list)
    mentions: list[dict[str, Any]] = field(default_factory=list)
    reactions: list[dict[str, Any]] = field(default_factory=list)
    hosted: dict[str, HostedContent] = field(default_factory=dict)
    message_type: str = "message"
    event: dict[str, Any] | None = None
    edited_ms: int | None = None
    deleted_ms: int | None = None
    seq: int = 0


@dataclass(slots=True)
class Channel:
    """A channel of a team; ``members`` (user id -> roles) are its own for private and shared channels alone."""

    channel_id: str
    name: str
    membership: str
    created_ms: int
    description: str | None = None
    is_primary: bool = False
    is_favorite: bool = False
    members: dict[str, list[str]] = field(default_factory=dict)
    tabs: dict[str, Tab] = field(default_factory=dict)
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    shared_with: set[str] = field(default_factory=set)
    migration: str | None = None
    migrating_app: str = ""
    original_created_ms: int | None = None
    deleted_ms: int | None = None

    def roots(self) -> list[Message]:
        """Root messages, the newest first, as Graph lists them."""
        found = [message for message in self.messages.values() if not message.root_id]
        return sorted(found, key=lambda message: message.created_ms, reverse=True)

    def replies(self, root_id: str) -> list[Message]:
        """Replies of a message, the newest first."""
        found = [message for message in self.messages.values() if message.root_id == root_id]
        return sorted(found, key=lambda message: message.created_ms, reverse=True)

    def is_taken(self, created_ms: int) -> bool:
        """Whether a message of this conversation has that very time, a deleted one included."""
        return any(message.created_ms == created_ms for message in self.messages.values())


@dataclass(slots=True)
class Team:
    """A team, which is a group: ``members`` are user id -> roles."""

    team_id: str
    name: str
    created_ms: int
    description: str = ""
    visibility: str = "private"
    is_archived: bool = False
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    installed_apps: set[str] = field(default_factory=lambda: set(BUILT_IN_APPS))

    def living_channels(self) -> list[Channel]:
        """Channels that are not deleted, in the order of their creation."""
        return [channel for channel in self.channels.values() if channel.deleted_ms is None]

    def channel(self, channel_id: str) -> Channel | None:
        """The living channel of this id."""
        found = self.channels.get(channel_id)
        return found if found is not None and found.deleted_ms is None else None


class TeamBook:
    """All teams of a tenant."""

    def __init__(self, tenant_id: str, clock: TenantClock) -> None:
        self._tenant_id = tenant_id
        self._clock = clock
        self.teams: dict[str, Team] = {}
        self._made = 0
        self.seq = 0

    def now_ms(self) -> int:
        """The tenant's time."""
        return int(self._clock.epoch_s() * 1000)

    def next_seq(self) -> int:
        """The number of the next change."""
        self.seq += 1
        return self.seq

    def new_team(self, name: str, owners: list[str], members: list[str], **more: Any) -> Team:
        """A new team with its primary channel."""
        settings = {key: dict(value) for key, value in DEFAULT_SETTINGS.items()}
        team = Team(self._guid("team"), name, self.now_ms(), settings=settings, **more)
        team.members = {user: [] for user in members} | {user: ["owner"] for user in owners}
        self.teams[team.team_id] = team
        self.new_channel(team, "General", "standard", is_primary=True)
        return team

    def new_channel(
        self, team: Team, name: str, membership: str, members: dict[str, list[str]] | None = None, **more: Any
    ) -> Channel:
        """A new channel. Raises TeamRefusal for a name that is taken (a deleted channel keeps its own for 30 days) and
        for members that cannot be."""
        now_ms = self.now_ms()
        for other in team.channels.values():
            kept = other.deleted_ms is None or now_ms - other.deleted_ms < _RESERVED_NAME_MS
            if kept and other.name.casefold() == name.casefold():
                raise TeamRefusal(400, "BadRequest", "Channel name already existed, please use other name.")
        own = {} if membership == "standard" else dict(members or {})
        if membership != "standard" and not any("owner" in roles for roles in own.values()):
            raise TeamRefusal(400, "BadRequest", "A private or shared channel needs an owner.")
        if membership == "private" and set(own) - set(team.members):
            raise TeamRefusal(400, "BadRequest", "Members of a private channel must be members of the team.")
        channel_id = f"19:{self._guid('channel').replace('-', '')}@thread.tacv2"
        channel = Channel(channel_id, name, membership, now_ms, members=own, **more)
        team.channels[channel_id] = channel
        return channel

    def add_message(self, channel: Channel, message: Message) -> Message:
        """Put a message into a channel."""
        message.seq = self.next_seq()
        channel.messages[message.root_id, message.message_id] = message
        return message

    def free_ms(self, channel: Channel) -> int:
        """Now, or the next millisecond that no message of the channel has."""
        moment = self.now_ms()
        while channel.is_taken(moment):
            moment += 1
        return moment

    def touch(self, message: Message) -> None:
        """Note a change of a message."""
        message.modified_ms = max(self.now_ms(), message.modified_ms + 1)
        message.seq = self.next_seq()

    def incoming(self, team: Team) -> Iterator[tuple[Team, Channel]]:
        """Channels of other teams that are shared with this one."""
        for other in self.teams.values():
            for channel in other.living_channels():
                if team.team_id in channel.shared_with:
                    yield other, channel

    def forget_person(self, user_id: str) -> None:
        """A user was deleted: teams and channels lose the member, messages stay."""
        for team in self.teams.values():
            team.members.pop(user_id, None)
            for channel in team.channels.values():
                channel.members.pop(user_id, None)

    def _guid(self, what: str) -> str:
        self._made += 1
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{what}/{self._tenant_id}/{self._made}"))


def stamp_of(moment_ms: int) -> str:
    """``2026-11-24T05:40:00.123Z``."""
    moment = datetime.fromtimestamp(moment_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment_ms % 1000:03d}Z"


def moment_of(text: str) -> int:
    """Inverse of stamp_of, for any RFC 3339 time. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1000 + moment.microsecond // 1000


def hosted_content(data: bytes, content_type: str, number: int) -> HostedContent:
    """An inline image with an id as long and odd as Graph's."""
    digest = hashlib.sha256(data).hexdigest()[:24]
    return HostedContent(f"aWQ9eF8{number}-{digest}", content_type, data)
