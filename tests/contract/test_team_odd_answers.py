"""Teams that answer oddly: nothing that is alive is buried, and one bad part stops nothing but itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import pytest

from shared_code.errors import AccessDeniedError, SourceUnavailableError
from shared_code.graph.client import GraphClient
from shared_code.graph.teams.changes import message_change
from shared_code.graph.teams.channels import TeamChannels
from shared_code.graph.teams.import_body import StoredMessage
from shared_code.graph.teams.source import TeamSource
from shared_code.graph.teams.target_channels import TargetChannels
from shared_code.graph.teams.target_home import TargetHome, marked
from shared_code.graph.teams.target_settings import TargetSettings
from shared_code.model.feed import Fetched, FetchState
from shared_code.model.item import Change, Form, ItemKind, ItemVersion
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import RestoreItem
from tests.fakes.graph_server import FixedCredential, GraphServer, Reply, Seen

TEAM = Resource(ResourceKind.TEAM, "t", "Team")
IMAGE = '<img src="hostedContents/abc/$value">text'
Fault = Callable[[str], Reply | None]


def message(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": str(1_700_000_000_000 + number),
        "messageType": "message",
        "etag": "1",
        "createdDateTime": "2026-01-01T00:00:00Z",
        "body": {"contentType": "html", "content": "hello"},
        "channelIdentity": {"channelId": "c1"},
        **more,
    }


def refusal(status: int) -> Reply:
    return Reply(status, {"error": {"code": "Odd", "message": "odd"}})


class OddTeams:
    """A team of two channels; ``fault`` answers first where it wants to."""

    def __init__(self) -> None:
        self.fault: Fault = lambda path: None
        self.messages: list[Any] = [message(1)]
        self.sent: list[tuple[str, str, Any]] = []
        self.base_url = ""

    def answer(self, seen: Seen) -> Reply:
        if seen.path.endswith("/$batch"):
            answers = [(each["id"], self.of(each["url"])) for each in seen.json()["requests"]]
            headers = {"Content-Type": "application/json"}
            return Reply(
                200,
                {
                    "responses": [
                        {"id": number, "status": reply.status, "headers": headers, "body": reply.body}
                        for number, reply in answers
                    ]
                },
            )
        path = seen.path.removeprefix("/v1.0")
        if seen.method != "GET":
            self.sent.append((seen.method, path, json.loads(seen.body or b"{}")))
            return Reply(200, {})
        return self.of(path)

    def of(self, path: str) -> Reply:
        odd = self.fault(path)
        if odd is not None:
            return odd
        place = path.partition("?")[0]
        if "/hostedContents/" in place:
            return Reply(200, b"png", {"Content-Type": "image/png"})
        if place.endswith("/members"):
            return Reply(200, {"value": [{"id": "m", "userId": "u", "roles": ["owner"]}]})
        if place.endswith("/messages"):
            return Reply(200, {"value": self.messages if "/c1/" in place else []})
        if place.endswith("/channels"):
            return Reply(200, {"value": [self.channel("c1"), self.channel("c2")]})
        if place.endswith(("/channels/c1", "/channels/c2")):
            return Reply(200, self.channel(place[-2:]))
        if place.endswith("/primaryChannel"):
            return Reply(200, self.channel("c1"))
        if place.endswith("/teams/t"):
            return Reply(200, {"id": "t", "displayName": "Team"})
        return Reply(200, {"value": []})

    def channel(self, channel_id: str) -> dict[str, Any]:
        return {"id": channel_id, "displayName": f"Channel {channel_id}", "membershipType": "standard"}

    @asynccontextmanager
    async def client(self) -> AsyncIterator[GraphClient]:
        async def at_once(_: float) -> None:
            return None

        async with GraphServer(handler=self.answer) as server:
            self.base_url = server.base_url
            credential = FixedCredential(10**9)
            began = datetime(2026, 3, 1, tzinfo=UTC)
            async with GraphClient(credential, now=lambda: began, base_url=server.base_url, sleep=at_once) as client:
                yield client


def on(part: str, reply: Reply) -> Fault:
    return lambda path: reply if part in path else None


async def fetched(client: GraphClient, change: Change) -> Fetched:
    [answer] = [each async for each in TeamSource(client).fetch(TEAM, [change])]
    return answer


async def channels(client: GraphClient) -> dict[str, Change]:
    return {change.item_id: change for change in await TeamChannels(client, TEAM).changes()}


A_MESSAGE = Change(
    "c1/1700000000001",
    ItemKind.CHANNEL_MESSAGE,
    parent_id="c1",
    properties={"channelId": "c1", "messageId": "1700000000001"},
)


@pytest.mark.parametrize("body", [b"", {}, {"value": None}, {"value": {"id": "1"}}])
@pytest.mark.parametrize(
    ("part", "feed", "cursor"),
    [
        ("/channels/c1/messages", "messages:c1", None),
        ("p2", "messages:c1", "list||{base}/teams/t/channels/c1/messages?p2=1"),
        ("getAllMessages", "messages:c1", "since|2026-03-01T00:00:00Z|2026-03-01T00:00:00Z"),
        ("/teams/t/channels", "channels", None),
        ("/tabs", "channels", None),
        ("/teams/t/members", "team", None),
        ("replies", "messages:c1", None),
    ],
)
async def test_an_answer_that_is_no_page_is_never_the_end(part: str, feed: str, cursor: str | None, body: Any) -> None:
    odd = OddTeams()
    odd.fault = lambda path: Reply(200, body) if part in path and "expand" not in path else None
    if part in ("/channels/c1/messages", "/tabs"):
        odd.fault = on(part, Reply(200, body))
    async with odd.client() as client:
        odd.messages = [message(1, **{"replies@odata.nextLink": f"{odd.base_url}/teams/t/replies?p=1"})]
        if part != "replies":
            odd.messages = [message(1)]
        with pytest.raises(SourceUnavailableError):
            await TeamSource(client).poll(TEAM, {feed: cursor and cursor.format(base=odd.base_url)})


@pytest.mark.parametrize("body", [b"", {}, message(7), {"id": "1700000000001"}])
async def test_an_answer_that_is_not_the_asked_message_fails_it_and_does_not_bury_it(body: Any) -> None:
    odd = OddTeams()
    odd.fault = on("/messages/", Reply(200, body))
    async with odd.client() as client:
        assert (await fetched(client, A_MESSAGE)).state is FetchState.FAILED


@pytest.mark.parametrize("part", ["/teams/t?", "/primaryChannel"])
async def test_a_team_or_channel_without_its_id_is_no_answer(part: str) -> None:
    odd = OddTeams()
    odd.fault = lambda path: Reply(200, b"") if part in f"{path}?" else None
    async with odd.client() as client:
        with pytest.raises(SourceUnavailableError):
            await TeamSource(client).poll(TEAM, {"team": None, "channels": None})


async def test_only_a_channels_own_absence_drops_it() -> None:
    odd = OddTeams()
    odd.fault = on("/c2/tabs", refusal(404))
    async with odd.client() as client:
        found = await channels(client)
        assert {"c1", "c2", "c2/settings"} <= set(found)
        assert found["c2/settings"].properties == {"unread": {"tabs": "404"}}
        odd.fault = on("/c2", refusal(404))
        assert "c2" not in await channels(client)


async def test_a_restore_takes_no_team_for_its_own_by_its_name_alone() -> None:
    theirs = {"id": "99999999-0000-0000-0000-000000000000", "displayName": "Team (restored)", "description": "trap"}
    ours = {"id": "11111111-0000-0000-0000-000000000000", "displayName": "Team (restored 2)"}
    ours["description"] = marked("What it was for", "t")
    other = {"id": "22222222-0000-0000-0000-000000000000", "displayName": "Team (restored)"}
    other["description"] = marked("", "another team of this name")
    groups, made = [theirs, other], list[dict[str, Any]]()

    def answer(seen: Seen) -> Reply:
        path = unquote_plus(seen.path)
        if seen.method == "POST":
            made.append(seen.json())
            groups.append(ours)
            return Reply(202, None, {"Location": f"/teams('{ours['id']}')/operations('1')"})
        if "/groups" in path:
            return Reply(200, {"value": [each for each in groups if f"eq '{each['displayName']}'" in path]})
        lives = path.partition("?")[0].endswith(tuple(each["id"] for each in groups))
        return Reply(200, {"id": path.rpartition("/")[2]}) if lives else refusal(404)

    odd = OddTeams()
    odd.answer = answer  # type: ignore[method-assign]
    async with odd.client() as client:
        assert await TargetHome(client, TEAM).find() is None
        assert (await TargetHome(client, TEAM).make(["u"])).source_id == ours["id"]
        assert made[0]["displayName"] == "Team (restored 2)"
        assert made[0]["description"] == marked("", "t")
        found = await TargetHome(client, TEAM).find()
        assert found is not None
        assert found.source_id == ours["id"]


@pytest.mark.parametrize("status", [400, 403, 404, 423])
async def test_an_image_that_cannot_be_read_is_left_out_and_named_on_its_message(status: int) -> None:
    odd = OddTeams()
    read = message(1, body={"contentType": "html", "content": IMAGE})
    odd.fault = lambda path: (
        refusal(status) if "/hostedContents/" in path else Reply(200, read) if "/messages/" in path else None
    )
    async with odd.client() as client:
        fetch = await fetched(client, A_MESSAGE)
        assert fetch.state is FetchState.FETCHED
        assert json.loads(fetch.forms[Form.NATIVE])["unreadImages"] == {"abc": str(status)}
        assert b"text" in fetch.forms[Form.READABLE]
        assert b"1 inline image(s) could not be read" in fetch.forms[Form.READABLE]
        stored = StoredMessage.of(json.loads(fetch.forms[Form.NATIVE]))
        assert stored is not None
        assert "1 inline image(s)" in " ".join(stored.losses())
        assert fetch.change.properties["unreadImages"] == {"abc": str(status)}
        listed = message_change(read, "c1")
        assert listed is not None
        assert (fetch.change.etag != listed.etag) == (status != 404), "what may come back is asked for again"


async def test_one_message_that_is_denied_fails_alone_and_many_in_a_row_stop_the_team() -> None:
    odd = OddTeams()
    odd.fault = on("/messages/", refusal(403))
    async with odd.client() as client:
        assert (await fetched(client, A_MESSAGE)).state is FetchState.FAILED
        with pytest.raises(AccessDeniedError):
            [_ async for _ in TeamSource(client).fetch(TEAM, [A_MESSAGE] * 20)]


@pytest.mark.parametrize("status", [400, 403])
async def test_tabs_of_one_channel_that_cannot_be_read_are_noted_on_it(status: int) -> None:
    odd = OddTeams()
    odd.fault = on("/c2/tabs", refusal(status))
    async with odd.client() as client:
        found = await channels(client)
        assert found["c2/settings"].properties == {"unread": {"tabs": str(status)}}
        assert json.loads(found["c2/settings"].transient["read"])["unread"] == {"tabs": str(status)}
        odd.fault = lambda path: None
        whole = await channels(client)
        assert whole["c2/settings"].etag != found["c2/settings"].etag
        assert whole["c1/settings"] == found["c1/settings"]


async def test_a_team_whose_incoming_channels_cannot_be_listed_says_so_and_forgets_none() -> None:
    odd = OddTeams()
    shared = Reply(200, {"value": [{"id": "theirs", "displayName": "Theirs"}]})
    odd.fault = on("/incomingChannels", shared)
    async with odd.client() as client:
        source, cursor = TeamSource(client), None
        cursor = (await source.poll(TEAM, {"channels": cursor}))["channels"].cursor
        odd.fault = on("/incomingChannels", refusal(400))
        page = (await source.poll(TEAM, {"channels": cursor}))["channels"]
        assert [change.item_id for change in page.changes if change.deleted] == []
        assert "could not be listed (400)" in next(each.name for each in page.changes if each.item_id == "incoming")
        odd.fault = on("/incomingChannels", shared)
        page = (await source.poll(TEAM, {"channels": page.cursor}))["channels"]
        assert [change.item_id for change in page.changes if change.deleted] == ["incoming"]


async def unopened(form: Form) -> AsyncIterator[bytes]:
    yield b""


async def nobodys(target_id: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("stored", "expected"),
    [("Channel", "Channel"), ("Chan", "Chan"), ("Other", "Other"), ("Channel c2", None), ("Plans", None)],
)
async def test_a_renamed_channel_gets_its_name_back_under_replace(stored: str, expected: str | None) -> None:
    odd = OddTeams()
    if stored == "Plans":
        made_again = {**odd.channel("c2"), "displayName": "Plans (restored)"}
        odd.fault = lambda path: Reply(200, made_again) if path.partition("?")[0].endswith("/c2") else None
    change = Change("c2/settings", ItemKind.CHANNEL_SETTINGS)
    version = ItemVersion("channels", change, 1)
    item = RestoreItem(version, "c2", ConflictRule.REPLACE, False, True, unopened, nobodys)
    async with odd.client() as client:
        settings = TargetSettings(client, TEAM, TargetChannels(client, TEAM))
        await settings.write_channel(item, {"channel": {**odd.channel("c2"), "displayName": stored}}, "c2")
    assert [body.get("displayName") for _, _, body in odd.sent] == ([expected] if expected else [])


@pytest.mark.parametrize("roles", [5, "owner", {"owner": 1}, [5, None, {}], None])
async def test_roles_that_are_no_list_make_nobody_an_owner_and_stop_nothing(roles: Any) -> None:
    odd = OddTeams()
    members = [{"id": "m", "userId": "u", "roles": roles}, {"id": "n", "userId": "w", "roles": ["owner"]}]
    odd.fault = on("/members", Reply(200, {"value": members}))
    change = Change("0.team", ItemKind.TEAM_SETTINGS)
    item = RestoreItem(ItemVersion("team", change, 1), "", ConflictRule.REPLACE, False, True, unopened, nobodys)
    async with odd.client() as client:
        assert (await channels(client))["c1"].properties["owners"] == ["w"]
        assert await TargetChannels(client, TEAM).owner() == "w"
        settings = TargetSettings(client, TEAM, TargetChannels(client, TEAM))
        stored = {"team": {"displayName": "Team"}, "members": [*members, {"userId": "x", "roles": roles}]}
        await settings.write_team(item, stored, made_for="")
    assert [body["roles"] for _, _, body in odd.sent] == [[]]


async def test_a_message_of_odd_types_is_read_and_the_others_with_it() -> None:
    odd = OddTeams()
    nested: Any = []
    for _ in range(600):
        nested = [nested]
    odd.messages = [
        message(1, replies=5, subject=5, attachments=5, reactions="x", **{"from": [1]}),
        message(2, body=7, createdDateTime={}, lastModifiedDateTime=[], etag=1),
        message(3, odd=nested),
        message(4),
    ]
    odd.fault = lambda path: Reply(200, odd.messages[2]) if "/messages/" in path else None
    async with odd.client() as client:
        page = (await TeamSource(client).poll(TEAM, {"messages:c1": None}))["messages:c1"]
        assert [change.properties["messageId"][-1] for change in page.changes] == ["1", "2", "3", "4"]
        states = {
            each.asked.properties["messageId"][-1]: each.state
            async for each in TeamSource(client).fetch(TEAM, page.changes)
        }
    assert {states[number] for number in "124"} == {FetchState.FETCHED}
    assert states["3"] in {FetchState.FAILED, FetchState.FETCHED}, "by how deep this Python can go"
