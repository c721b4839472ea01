"""The pure parts of Teams, and teams whose ids are of no use."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared_code.graph.client import GraphClient
from shared_code.graph.teams.changes import message_change, plain_text
from shared_code.graph.teams.directory import TeamListing
from shared_code.graph.teams.ids import (
    TEAM_SETTINGS_ID,
    MessagePlace,
    channel_of_feed,
    channel_settings_id,
    is_of_shared_channel,
    messages_feed,
)
from shared_code.graph.teams.import_body import StoredMessage, format_ms
from shared_code.graph.teams.readable import readable
from shared_code.graph.teams.target_seen import moment_of
from tests.fakes.graph_server import FixedCredential, GraphServer, Reply, Seen

CHANNEL = "19:abc@thread.tacv2"


def test_ids_sort_as_a_restore_has_to_write() -> None:
    root, later = MessagePlace(CHANNEL, "1700000000000"), MessagePlace(CHANNEL, "1700000000002")
    reply = MessagePlace(CHANNEL, "1700000000003", "1700000000000")
    same = MessagePlace(CHANNEL, "1700000000000", "1700000000000")
    wanted = [TEAM_SETTINGS_ID, *(each.item_id for each in (root, same, later, reply)), channel_settings_id(CHANNEL)]
    assert sorted(wanted) == wanted


@pytest.mark.parametrize("is_shared", [True, False])
def test_feeds_name_their_channel_and_whether_it_is_shared(is_shared: bool) -> None:
    feed = messages_feed(CHANNEL, is_shared=is_shared)
    assert (channel_of_feed(feed), is_of_shared_channel(feed)) == (CHANNEL, is_shared)
    with pytest.raises(ValueError, match="no feed of a channel"):
        channel_of_feed("items:x")


def test_ids_of_messages_are_times_and_others_are_none() -> None:
    assert moment_of("1735787045678") == datetime(2025, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    assert format_ms(datetime(2025, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC)) == "2025-01-02T03:04:05.678Z"
    for odd in ("", "abc", "-1", "9" * 30, "²"):
        assert moment_of(odd) is None


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"id": 7, "messageType": "message"},
        {"id": "1", "messageType": "systemEventMessage"},
        {"id": "1", "messageType": "unknownFutureValue"},
    ],
)
def test_what_is_no_message_of_people_is_left_out(message: dict[str, object]) -> None:
    assert message_change(message, CHANNEL) is None


def test_odd_messages_are_taken_as_they_are() -> None:
    odd = {"id": "1", "messageType": "message", "from": [], "body": 5, "reactions": {}, "attachments": [None]}
    odd |= {"mentions": "x", "subject": "\ud800", "createdDateTime": "2026-01-01T00:00:00Z"}
    change = message_change(odd, CHANNEL)
    assert change is not None
    assert (change.name, change.sender) == ("\ud800", "")
    native = {"message": odd, "hostedContents": [{"id": "i", "contentBytes": "no base64"}]}
    assert b"&#55296;" in readable(native)
    stored = StoredMessage.of(native)
    assert stored is not None
    assert stored.payload()["body"] == {"contentType": "html", "content": ""}
    assert StoredMessage.of({"message": {"id": "1"}}) is None
    assert StoredMessage.of([]) is None


def test_html_becomes_plain_text() -> None:
    assert plain_text("<p>A &amp; B</p>\n<div>C<br>D</div>") == "A & B C D"


async def test_a_team_with_an_odd_id_is_named_and_the_others_are_listed() -> None:
    async def groups(seen: Seen) -> Reply:
        del seen
        found = [{"id": "ok-1", "displayName": "Fine"}, {"id": "a/b", "displayName": "Odd"}, {"displayName": "None"}]
        return Reply(200, {"value": found})

    async with (
        GraphServer(handler=groups) as graph,
        GraphClient(FixedCredential(), now=lambda: datetime.now(UTC), base_url=graph.base_url) as client,
    ):
        census = await TeamListing(client).census()
    assert [team.id for team in census.resources] == ["team.ok-1"]
    assert sorted(entry.what for entry in census.not_covered) == ["team None", "team Odd"]
