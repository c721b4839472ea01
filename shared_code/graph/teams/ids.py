"""How the items and feeds of a team are named. Pure.

A restore writes items in the order of their ids. So a team's settings come first, for members of private channels must
be members of the team; then each channel's messages in the order of their times, a reply always behind its message,
since ids of messages are the milliseconds of their creation; and a channel's members and tabs behind its messages.
"""

from __future__ import annotations

from dataclasses import dataclass

TEAM_FEED = "team"
CHANNELS_FEED = "channels"
TEAM_SETTINGS_ID = "0.team"
_MESSAGES = "messages:"
_SHARED = "shared-messages:"


@dataclass(frozen=True, slots=True)
class MessagePlace:
    """Where a message is. ``root_id`` is empty for a root message."""

    channel_id: str
    message_id: str
    root_id: str = ""

    @property
    def item_id(self) -> str:
        """Id of the message as an item."""
        tail = f"/{self.root_id}" if self.root_id else ""
        return f"{self.channel_id}/{self.message_id}{tail}"


def channel_settings_id(channel_id: str) -> str:
    """Id of the item that holds a channel's definition, members and tabs."""
    return f"{channel_id}/settings"


def messages_feed(channel_id: str, *, is_shared: bool) -> str:
    """Name of the feed of a channel's messages."""
    return (_SHARED if is_shared else _MESSAGES) + channel_id


def channel_of_feed(feed: str) -> str:
    """The channel that a feed of messages belongs to. Raises ValueError for any other feed."""
    for prefix in (_MESSAGES, _SHARED):
        if feed.startswith(prefix):
            return feed[len(prefix) :]
    raise ValueError(f"no feed of a channel: {feed.partition(':')[0]}")


def is_of_shared_channel(feed: str) -> bool:
    """Whether the feed is that of a shared channel, which getAllMessages does not tell of."""
    return feed.startswith(_SHARED)
