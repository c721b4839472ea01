"""Teams of the simulator: what Graph documents of reading, of permissions and of migration mode."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from local.tenant.control.client import ControlError, TenantControl
from local.tenant.plain_client import PlainClient, Reply
from local.tenant.server import SimulatorThread

SECRET = "s3cret"
NOW = "2026-06-01T12:00:00Z"
MIGRATE = "Teamwork.Migrate.All"


class World:
    """One tenant with one team, its owner and a member, and a client with every role."""

    def __init__(self, simulator: SimulatorThread) -> None:
        self.url = simulator.url
        self.control: TenantControl = simulator.control
        self.tenant = str(self.control.create_tenant(secret=SECRET, now=NOW)["id"])
        self.ada, self.ben = (str(self.control.add_user(self.tenant, name)["id"]) for name in ("Ada", "Ben"))
        self.team = self.control.add_team(self.tenant, "Crew", owners=[self.ada], members=[self.ben])
        self.client = PlainClient(simulator.url, self.tenant, SECRET)
        self.general = str(self.client.get(f"/teams/{self.team}/primaryChannel").json()["id"])

    @property
    def messages(self) -> str:
        return f"/teams/{self.team}/channels/{self.general}/messages"

    def post(self, content: str, channel: str = "General", **more: Any) -> str:
        return self.control.post_message(self.tenant, self.team, channel, self.ada, content, **more)

    def values(self, target: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while target:
            page = self.client.get(target).json()
            found += page["value"]
            target = page.get("@odata.nextLink", "")
        return found

    def migration(self, step: str, channel: str = "", body: Any = None) -> Reply:
        return self.client.send("POST", f"/teams/{self.team}/channels/{channel or self.general}/{step}Migration", body)

    def imported(self, created: str | None, root: str = "", **more: Any) -> Reply:
        body = {"from": {"user": {"id": self.ada}}, "body": {"contentType": "html", "content": "Old"}, **more}
        if created:
            body["createdDateTime"] = created
        return self.client.send("POST", f"{self.messages}/{root}/replies" if root else self.messages, body)


@pytest.fixture
def world(simulator: SimulatorThread) -> Iterator[World]:
    made = World(simulator)
    yield made
    made.client.close()


def ids(values: list[dict[str, Any]]) -> list[str]:
    return [value["id"] for value in values]


def test_teams_are_groups_with_a_provisioning_option(world: World) -> None:
    wanted = quote("resourceProvisioningOptions/Any(x:x eq 'Team')")
    assert ids(world.values(f"/groups?$filter={wanted}&$select=id")) == [world.team]
    assert world.client.get(f"/groups?$filter={quote('visibility eq 1')}").status == 400
    assert ids(world.values(f"/groups/{world.team}/owners")) == [world.ada]
    assert set(ids(world.values(f"/groups/{world.team}/members"))) == {world.ada, world.ben}
    assert world.client.get("/teams/none").status == 404


@pytest.mark.parametrize(
    ("role", "path"),
    [
        ("TeamSettings.Read.All", ""),
        ("TeamMember.Read.All", "/members"),
        ("Channel.ReadBasic.All", "/channels"),
        ("Channel.ReadBasic.All", "/allChannels"),
        ("ChannelMember.Read.All", "/channels/{}/members"),
        ("TeamsTab.Read.All", "/channels/{}/tabs"),
        ("ChannelMessage.Read.All", "/channels/{}/messages"),
        ("ChannelMessage.Read.All", "/channels/{}/messages/delta"),
        ("ChannelMessage.Read.All", "/channels/getAllMessages"),
    ],
)
def test_each_call_needs_its_role(world: World, role: str, path: str) -> None:
    target = f"/teams/{world.team}{path.format(world.general)}"
    for held, expected in (([role], 200), (["User.Read.All", MIGRATE], 403)):
        world.control.add_app(world.tenant, "app", SECRET, held)
        client = PlainClient(world.url, world.tenant, SECRET, "app")
        assert client.get(target).status == expected
        client.close()


def test_a_listing_has_roots_alone_and_replies_where_expanded(world: World) -> None:
    world.control.change_settings(world.tenant, channel_replies_expanded=2)
    root = world.post("Root")
    replies = [world.post(f"{number}", reply_to=root) for number in range(5)]
    other = world.post("Other")
    assert set(ids(world.values(world.messages))) == {root, other}
    [shown] = [each for each in world.values(f"{world.messages}?$expand=replies") if each["id"] == root]
    assert len(shown["replies"]) == 2
    found = ids(shown["replies"]) + ids(world.values(shown["replies@odata.nextLink"]))
    assert sorted(found) == sorted(replies), "each reply once, on the page or behind its link"
    assert shown["replies"][0]["replyToId"] == root
    assert world.client.get(f"{world.messages}?$filter=x").status == 400
    assert len(world.client.get(f"{world.messages}?$top=1").json()["value"]) == 1


def test_delta_reaches_back_eight_months_and_omits_replies(world: World) -> None:
    old = world.post("Old", created="2025-08-01T00:00:00Z")
    root = world.post("Root", created="2026-01-01T00:00:00Z")
    world.post("Reply", reply_to=root)
    page = world.client.get(f"{world.messages}/delta").json()
    assert ids(page["value"]) == [root]
    world.post("Late reply", reply_to=old)
    world.control.edit_message(world.tenant, world.team, "General", root, "Edited")
    again = world.client.get(page["@odata.deltaLink"]).json()
    assert [each["body"]["content"] for each in again["value"]] == ["Edited"]
    assert world.client.get(f"{world.messages}/delta?$deltatoken=made-up").status == 400
    world.control.set_clock(world.tenant, advance_s=60 * 86_400)
    expired = world.client.get(page["@odata.deltaLink"])
    assert (expired.status, expired.code) == (410, "syncStateNotFound")


def test_all_messages_are_those_of_public_and_private_channels_in_a_range(world: World) -> None:
    for name, membership in (("Inner", "private"), ("Open", "shared")):
        world.control.add_channel(world.tenant, world.team, name, membership=membership, owners=[world.ada])
    root = world.post("Root", created="2026-01-01T00:00:00Z")
    inner = world.post("Inner", "Inner", created="2026-02-01T00:00:00Z")
    world.post("Open", "Open", created="2026-02-01T00:00:00Z")
    world.control.set_clock(world.tenant, now="2026-06-02T00:00:00Z")
    reply = world.post("Reply", reply_to=root)
    target = f"/teams/{world.team}/channels/getAllMessages"
    assert sorted(ids(world.values(f"{target}?$top=1"))) == sorted([root, inner, reply])
    since = quote("lastModifiedDateTime gt 2026-06-01T18:00:00Z")
    assert ids(world.values(f"{target}?$filter={since}")) == [reply]
    both = quote("lastModifiedDateTime gt 2026-01-15T00:00:00Z and lastModifiedDateTime lt 2026-03-01T00:00:00Z")
    assert ids(world.values(f"{target}?$filter={both}")) == [inner]
    world.control.react(world.tenant, world.team, "General", root, world.ben)
    assert set(ids(world.values(f"{target}?$filter={since}"))) == {root, reply}, "reactions count as modified"
    assert world.client.get(f"{target}?$filter={quote('from eq 1')}").status == 400
    assert world.client.get(f"{target}?$expand=replies").status == 400


def test_deleted_messages_keep_their_place_without_content(world: World) -> None:
    message = world.post("Gone {image}", images=[b"png"], subject="S", mentions=[world.ben])
    shown = world.client.get(f"{world.messages}/{message}").json()
    source = shown["body"]["content"].split('"')[1]
    assert world.client.get(source).body == b"png"
    world.control.delete_message(world.tenant, world.team, "General", message)
    deleted = world.client.get(f"{world.messages}/{message}").json()
    assert deleted["deletedDateTime"]
    assert (deleted["body"]["content"], deleted["subject"], deleted["mentions"]) == ("", None, [])
    assert world.client.get(source).status == 404
    world.control.delete_message(world.tenant, world.team, "General", message, undo=True)
    again = world.client.get(f"{world.messages}/{message}").json()
    assert (again["deletedDateTime"], again["subject"]) == (None, "S")
    world.control.purge_message(world.tenant, world.team, "General", message)
    assert world.client.get(f"{world.messages}/{message}").status == 404


def test_answers_carry_the_tenants_time(world: World) -> None:
    assert world.client.get(world.messages).headers["date"].startswith("Mon, 01 Jun 2026 12:")


def test_import_is_for_migration_mode_alone_and_posting_is_not(world: World) -> None:
    assert world.imported("2020-01-01T00:00:00Z").status == 403
    back = {"conversationCreationDateTime": "2019-01-01T00:00:00Z"}
    assert world.migration("start", body={"conversationCreationDateTime": "2030-01-01T00:00:00Z"}).status == 400
    assert world.migration("start", body=back).status == 204
    assert world.migration("start", body=back).status == 400
    with pytest.raises(ControlError, match="migration mode"):
        world.post("Not now")
    assert world.imported("2020-01-01T00:00:00Z").status == 201
    assert world.migration("complete").status == 204
    assert world.migration("complete").status == 400
    assert world.imported("2020-01-02T00:00:00Z").status == 403
    assert world.post("Now")
    shown = world.client.get(f"/teams/{world.team}/channels/{world.general}").json()
    assert (shown["migrationMode"], shown["createdDateTime"]) == ("completed", "2019-01-01T00:00:00.000Z")
    assert shown["originalCreatedDateTime"].startswith("2026-06-01")


def test_only_the_app_that_began_a_migration_goes_on_with_it(world: World) -> None:
    world.control.add_app(world.tenant, "other", SECRET, [MIGRATE])
    other = PlainClient(world.url, world.tenant, SECRET, "other")
    assert world.migration("start", body={"conversationCreationDateTime": "2019-01-01T00:00:00Z"}).status == 204
    body = {"from": {"user": {"id": world.ada}}, "body": {"content": "x"}, "createdDateTime": "2020-01-01T00:00:00Z"}
    assert other.send("POST", world.messages, body).status == 403
    path = f"/teams/{world.team}/channels/{world.general}/completeMigration"
    assert other.send("POST", path).status == 403
    other.close()


def test_times_of_imported_messages_are_unique_past_and_later_than_the_channel(world: World) -> None:
    world.migration("start", body={"conversationCreationDateTime": "2019-01-01T00:00:00Z"})
    assert world.imported("2018-12-31T00:00:00Z").status == 400
    assert world.imported("2026-06-03T00:00:00Z").status == 400
    made = world.imported("2020-01-01T00:00:00.500Z")
    assert made.json()["createdDateTime"] == "2020-01-01T00:00:00.500Z"
    assert made.json()["from"]["user"]["id"] == world.ada
    taken = world.imported("2020-01-01T00:00:00.500Z")
    assert (taken.status, taken.code) == (409, "Conflict")
    assert world.imported("2020-01-01T00:00:00.501Z").status == 201
    root = made.json()["id"]
    assert world.imported("2020-01-01T00:00:00.499Z", root).status == 400
    reply = world.imported("2020-01-02T00:00:00Z", root).json()
    assert reply["replyToId"] == root
    assert ids(world.values(f"{world.messages}/{root}/replies")) == [reply["id"]]


def test_what_import_does_not_take_is_refused(world: World) -> None:
    world.migration("start", body={"conversationCreationDateTime": "2019-01-01T00:00:00Z"})
    for more in (
        {"from": {"user": {"id": "nobody"}}},
        {"from": {}},
        {"body": {}},
        {"reactions": [{"reactionType": "like"}]},
        {"mentions": [{"id": 0}]},
        {"body": {"contentType": "html", "content": '<img src="../hostedContents/1/$value">'}},
        {"body": {"contentType": "html", "content": '<attachment id="7"></attachment>'}},
        {"attachments": [{"id": "1", "contentType": "application/vnd.microsoft.card.adaptive"}]},
    ):
        assert world.imported("2020-01-01T00:00:00Z", **more).status == 400, more
    image = {"@microsoft.graph.temporaryId": "1", "contentType": "image/png"}
    image["contentBytes"] = base64.b64encode(b"png").decode()
    body = {"contentType": "html", "content": '<img src="../hostedContents/1/$value">'}
    made = world.imported("2020-01-01T00:00:00Z", body=body, hostedContents=[image]).json()
    assert world.client.get(made["body"]["content"].split('"')[1]).body == b"png"


def test_channels_are_made_by_the_rules_of_their_kind(world: World) -> None:
    path = f"/teams/{world.team}/channels"
    bound = {
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "roles": ["owner"],
        "user@odata.bind": f"https://graph.microsoft.com/v1.0/users('{world.ben}')",
    }
    made = world.client.send("POST", path, {"displayName": "Plans"})
    assert (made.status, made.json()["membershipType"]) == (201, "standard")
    assert world.client.send("POST", path, {"displayName": "plans"}).status == 400
    assert world.client.send("POST", path, {"displayName": "Inner", "membershipType": "private"}).status == 400
    inner = {"displayName": "Inner", "membershipType": "private", "members": [bound]}
    assert world.client.send("POST", path, inner).status == 201
    shared = {"displayName": "Open", "membershipType": "shared", "members": [bound]}
    assert world.client.send("POST", path, shared).status == 202
    assert {each["displayName"] for each in world.values(path)} == {"General", "Plans", "Inner", "Open"}
    world.control.delete_channel(world.tenant, world.team, "Plans")
    assert world.client.send("POST", path, {"displayName": "Plans"}).status == 400, "kept for 30 days"
    world.control.set_clock(world.tenant, advance_s=31 * 86_400)
    assert world.client.send("POST", path, {"displayName": "Plans"}).status == 201


def test_a_channel_shared_with_a_team_comes_in_and_is_not_its_own(world: World) -> None:
    other = world.control.add_team(world.tenant, "Others", owners=[world.ben])
    shared = world.control.add_channel(world.tenant, world.team, "Open", membership="shared", owners=[world.ada])
    world.control.change_channel(world.tenant, world.team, "Open", shared_with=other)
    assert ids(world.values(f"/teams/{other}/incomingChannels")) == [shared]
    assert shared in ids(world.values(f"/teams/{other}/allChannels"))
    assert shared not in ids(world.values(f"/teams/{other}/channels"))
    assert shared in ids(world.values(f"/teams/{world.team}/channels"))


def test_the_oracle_tells_of_a_team_without_ids(world: World) -> None:
    root = world.post("Root {image}", images=[b"png"], created="2026-01-01T00:00:00Z")
    world.post("Reply", reply_to=root, created="2026-01-01T00:00:01Z")
    gone = world.post("Gone")
    world.control.delete_message(world.tenant, world.team, "General", gone)
    records = list(world.control.team_oracle(world.tenant, world.team))
    assert [each["record"] for each in records] == ["team", "channel", "message", "message"]
    owner, member = records[0]["members"]
    assert (owner[0].partition("@")[0], owner[1:]) == ("ada", ["owner"])
    assert (member[0].partition("@")[0], member[1:]) == ("ben", [])
    assert records[2]["content"].startswith('Root <img src="sha256:')
    assert records[3]["reply_to"] == records[2]["created"] == "2026-01-01T00:00:00.000Z"
