"""The teams source against a tenant that behaves like Teams."""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Iterator, Sequence

import pytest

from shared_code.errors import AccessDeniedError, SourceNotFoundError
from shared_code.graph.teams.changes import message_change
from shared_code.graph.teams.directory import TeamListing
from shared_code.graph.teams.import_body import StoredMessage
from shared_code.graph.teams.readable import readable
from shared_code.graph.teams.source import TeamSource
from shared_code.model.feed import FeedPage, Fetched, FetchState
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.outcome import SkipCause
from tests.fakes.captured import capture
from tests.fakes.simulated_team import PNG, SimulatedTeam
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants
from tests.fakes.team_edits import TeamEdits

READ_ROLES = (
    "TeamSettings.Read.All",
    "TeamMember.Read.All",
    "ChannelSettings.Read.All",
    "ChannelMember.Read.All",
    "TeamsTab.Read.All",
    "ChannelMessage.Read.All",
)


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
def team(tenant: SimulatedTenant) -> SimulatedTeam:
    return SimulatedTeam(tenant)


class Reader:
    """Reads a team day by day, as the copier does."""

    def __init__(self, source: TeamSource, team: SimulatedTeam) -> None:
        self.source = source
        self.team = team
        self.cursors: dict[str, str | None] = dict.fromkeys(source.root_feeds())
        self.known: dict[str, Change] = {}

    async def day(self) -> dict[str, Change]:
        """What a day brings beyond what is known: new etags and deletions. Listings that miss something bury it."""
        found: dict[str, Change] = {}
        feeds, seen = dict(self.cursors), dict[str, set[str]]()
        listed = {feed for feed, cursor in feeds.items() if cursor is None}
        while feeds:
            following: dict[str, str | None] = {}
            for feed, page in (await self.source.poll(self.team.resource, feeds)).items():
                if page.expired:
                    following[feed] = None
                    listed.add(feed)
                    continue
                seen.setdefault(feed, set()).update(change.item_id for change in page.changes)
                self._take(page, found, following)
                self.cursors[feed] = page.cursor
                if not page.finished:
                    following[feed] = page.cursor
            feeds = following
        for feed in listed - {"team", "channels"}:
            for change in [*self.known.values()]:
                is_of_feed = change.kind is ItemKind.CHANNEL_MESSAGE and feed.endswith(f":{change.parent_id}")
                if is_of_feed and change.item_id not in seen.get(feed, set()):
                    found[change.item_id] = Change(change.item_id, change.kind, deleted=True)
        for item_id, change in found.items():
            if change.deleted:
                self.known.pop(item_id, None)
            else:
                self.known[item_id] = change
        return found

    def _take(self, page: FeedPage, found: dict[str, Change], following: dict[str, str | None]) -> None:
        for change in page.changes:
            known = self.known.get(change.item_id)
            if change.deleted and known is None:
                continue
            if known is None or known.etag != change.etag or change.deleted:
                found[change.item_id] = change
            if change.opens_feed and change.opens_feed not in self.cursors:
                self.cursors[change.opens_feed] = None
                following[change.opens_feed] = None

    async def fetch(self, changes: Sequence[Change]) -> dict[str, Fetched]:
        answers = [each async for each in self.source.fetch(self.team.resource, changes)]
        assert len(answers) == len(changes)
        return {each.asked.item_id: each for each in answers}


def names(changes: dict[str, Change]) -> set[str]:
    return {change.name for change in changes.values()}


def operations(team: SimulatedTeam, since: int) -> list[str]:
    return [entry["operation"] for entry in team.tenant.control.log(since) if entry["operation"] != "token"]


async def test_teams_are_listed_by_their_groups_and_named_when_they_cannot_be(team: SimulatedTeam) -> None:
    second = SimulatedTeam(team.tenant, "Second")
    async with team.tenant.client() as client:
        census = await TeamListing(client).census()
    assert {resource.source_id for resource in census.resources} == {team.id, second.id}
    assert {resource.display_name for resource in census.resources} == {"Projects", "Second"}
    assert census.not_covered == ()
    async with team.tenant.client(["User.Read.All"]) as client:
        with pytest.raises(AccessDeniedError) as refused:
            await TeamListing(client).census()
    assert "GroupMember.Read.All" in refused.value.message


async def test_a_first_pull_brings_everything_with_replies_however_old(team: SimulatedTeam) -> None:
    ids = team.fill()
    async with team.tenant.client(READ_ROLES) as client:
        captured = await capture(TeamSource(client), team.resource)
    folders = {version.change.name: version.change for version in captured.folders_parents_first}
    assert set(folders) == {"General", "Inner", "Open", "Plans"}
    assert folders["Inner"].properties["membershipType"] == "private"
    assert folders["General"].properties["primary"]
    messages = {
        version.change.properties["messageId"]: version.change
        for version in captured.items
        if version.change.kind is ItemKind.CHANNEL_MESSAGE
    }
    expected = {value for name, value in ids.items() if name not in ("private", "shared", "standard", "gone")}
    assert set(messages) == expected, "system messages and deleted ones are no content"
    assert messages[ids["reply"]].properties["rootId"] == ids["root"]
    assert messages[ids["root"]].name == "Start"
    assert messages[ids["image"]].sender == "Ben Projects"
    ordered = sorted(messages, key=lambda key: messages[key].item_id)
    assert ordered.index(ids["root"]) < ordered.index(ids["reply"]) < ordered.index(ids["image"])


async def test_forms_hold_images_and_a_page_for_people_that_runs_nothing(team: SimulatedTeam) -> None:
    team.post("<script>alert(1)</script>See {image}", images=[PNG], subject="<b>")
    async with team.tenant.client() as client:
        captured = await capture(TeamSource(client), team.resource)
    [version] = [each for each in captured.items if each.change.kind is ItemKind.CHANNEL_MESSAGE]
    native = json.loads(captured.content[version.change.item_id, Form.NATIVE])
    assert [base64.b64decode(image["contentBytes"]) for image in native["hostedContents"]] == [PNG]
    assert native["hostedContents"][0]["contentType"] == "image/png"
    assert native["message"]["subject"] == "<b>"
    page = captured.content[version.change.item_id, Form.READABLE].decode()
    assert base64.b64encode(PNG).decode() in page
    assert "hostedContents" not in page
    assert page.index("default-src 'none'") < page.index("<script>")
    assert "&lt;b&gt;" in page
    assert "Ada Lovelace" in page


async def test_settings_hold_members_owners_and_tabs(team: SimulatedTeam) -> None:
    ids = team.fill()
    async with team.tenant.client() as client:
        captured = await capture(TeamSource(client), team.resource)
    settings = json.loads(captured.content["0.team", Form.NATIVE])
    assert settings["team"]["funSettings"]["giphyContentRating"] == "moderate"
    roles = {member["userId"]: member["roles"] for member in settings["members"]}
    assert roles == {team.ada: ["owner"], team.ben: [], team.cleo: []}
    inner = json.loads(captured.content[f"{ids['private']}/settings", Form.NATIVE])
    assert {member["userId"] for member in inner["members"]} == {team.ada, team.ben}
    plans = json.loads(captured.content[f"{ids['standard']}/settings", Form.NATIVE])
    assert [tab["displayName"] for tab in plans["tabs"]] == ["Wiki"]
    assert plans["tabs"][0]["teamsApp"]["id"] == "com.microsoft.teamspace.tab.web"


async def test_a_quiet_day_costs_a_fixed_number_of_requests(team: SimulatedTeam) -> None:
    team.fill()
    async with team.tenant.client() as client:
        reader = Reader(TeamSource(client), team)
        await reader.day()
        since = team.tenant.control.log_position()
        assert await reader.day() == {}
    sent = operations(team, since)
    assert sent.count("messages.all") == 1, "one question for all standard and private channels"
    assert sent.count("messages.list") == 1, "the shared one is listed"
    assert not [name for name in sent if name.startswith(("message.", "reply.", "hosted"))]
    assert len(sent) <= 15


async def test_every_change_of_a_later_day_is_found(team: SimulatedTeam) -> None:
    ids = team.fill()
    async with team.tenant.client() as client:
        reader = Reader(TeamSource(client), team)
        await reader.day()
        team.tenant.control.set_clock(team.tenant.id, advance_s=86_400)
        team.post("New reply to the oldest", reply_to=ids["old"])
        team.post("New root", channel="Plans")
        team.post("New in shared", channel="Open", reply_to=ids["open"])
        team.post("New in private", channel="Inner", reply_to=ids["inner"])
        team.call("edit_message", "General", ids["reply"], "Edited")
        team.call("react", "General", ids["image"], team.cleo)
        team.call("delete_message", "General", ids["mention"])
        team.call("delete_message", "Open", ids["open_reply"])
        changes = await reader.day()
        living = {name for name in names(changes) if name}
        assert {"New reply to the oldest", "New root", "New in shared", "New in private", "Edited"} <= living
        assert [change for change in changes.values() if change.item_id.endswith(f"/{ids['image']}")]
        gone = {item_id.split("/")[1] for item_id, change in changes.items() if change.deleted}
        assert gone == {ids["mention"], ids["open_reply"]}
        assert await reader.day() == {}
        team.call("delete_message", "General", ids["mention"], undo=True)
        assert {each.properties["messageId"] for each in (await reader.day()).values()} == {ids["mention"]}


async def test_channels_come_and_go_and_are_renamed(team: SimulatedTeam) -> None:
    ids = team.fill()
    async with team.tenant.client() as client:
        reader = Reader(TeamSource(client), team)
        await reader.day()
        team.call("add_channel", "Brand new")
        team.post("First", channel="Brand new")
        team.call("change_channel", "Inner", new_name="Innermost")
        team.call("delete_channel", "Plans")
        team.call("set_team_member", team.cleo, "none")
        changes = await reader.day()
    assert changes[ids["private"]].name == "Innermost"
    assert changes[ids["standard"]].deleted
    assert {"Brand new", "First"} <= names(changes)
    assert "0.team" in changes


async def test_a_range_too_long_ago_is_an_expired_cursor_and_finds_what_vanished(team: SimulatedTeam) -> None:
    ids = team.fill()
    async with team.tenant.client() as client:
        reader = Reader(TeamSource(client), team)
        await reader.day()
        team.call("purge_message", "General", ids["image"])
        team.tenant.control.set_clock(team.tenant.id, advance_s=20 * 86_400)
        changes = await reader.day()
        gone = {item_id.split("/")[1] for item_id, change in changes.items() if change.deleted}
        assert gone == {ids["image"], ids["image_reply"]}, "a reply goes with its message"
        assert all(change.deleted for change in changes.values()), "unchanged messages are not read again"


@pytest.mark.parametrize("status", [400, 404, 410])
async def test_a_refused_question_for_changes_costs_a_listing_and_no_change(team: SimulatedTeam, status: int) -> None:
    ids = team.fill()
    async with team.tenant.client() as client:
        reader = Reader(TeamSource(client), team)
        await reader.day()
        team.post("New reply", reply_to=ids["old"])
        team.call("delete_message", "General", ids["mention"])
        team.tenant.control.add_fault(match={"operation": "messages.all"}, action={"status": status})
        changes = await reader.day()
    assert len(changes) == 2
    assert "New reply" in names(changes)


def test_patterns_over_hostile_text_take_no_time() -> None:
    began = time.perf_counter()
    for text in ("<" * 200_000, "<at " * 50_000, "http://" * 30_000, '<attachment id="x"' * 10_000, "<a " * 60_000):
        message = {"id": "1", "messageType": "message", "createdDateTime": "2026-01-01T00:00:00Z"}
        message |= {"body": {"contentType": "html", "content": text}}
        assert message_change(message, "c")
        assert readable({"message": message, "hostedContents": []})
        stored = StoredMessage.of({"message": message, "hostedContents": []})
        assert stored is not None
        assert stored.payload()
        assert stored.differences(message, []) == []
    assert time.perf_counter() - began < 5


async def test_what_vanishes_without_a_trace_is_noticed_within_weeks(team: SimulatedTeam) -> None:
    ids = team.fill()
    async with team.tenant.client() as client:
        reader = Reader(TeamSource(client), team)
        await reader.day()
        team.call("purge_message", "General", ids["old"])
        gone: dict[int, list[str]] = {}
        for day in range(1, 40):
            team.tenant.control.set_clock(team.tenant.id, advance_s=86_400)
            changes = await reader.day()
            gone[day] = [change.item_id.split("/")[1] for change in changes.values() if change.deleted]
            assert all(change.deleted for change in changes.values()), "nothing is read again"
    [(day, found)] = [(day, found) for day, found in gone.items() if found]
    assert found == [ids["old"]]
    assert 30 <= day <= 38


async def test_one_channel_that_lags_behind_costs_the_others_no_change(team: SimulatedTeam) -> None:
    team.fill()
    async with team.tenant.client() as client:
        reader = Reader(TeamSource(client), team)
        await reader.day()
        lagging = next(feed for feed in reader.cursors if feed.startswith("messages:"))
        behind = reader.cursors[lagging]
        for _ in range(2):
            team.tenant.control.set_clock(team.tenant.id, advance_s=10 * 86_400)
            await reader.day()
        reader.cursors[lagging] = behind
        for channel in ("General", "Plans", "Inner"):
            team.post(f"New in {channel}", channel=channel)
        changes = await reader.day()
    assert {"New in General", "New in Plans", "New in Inner"} <= names(changes)


async def test_many_channels_share_one_question(team: SimulatedTeam) -> None:
    for number in range(45):
        team.call("add_channel", f"Channel {number}")
        team.post(f"In {number}", channel=f"Channel {number}")
    async with team.tenant.client() as client:
        reader = Reader(TeamSource(client), team)
        await reader.day()
        for number in (3, 44):
            team.post(f"New in {number}", channel=f"Channel {number}")
        since = team.tenant.control.log_position()
        feeds = [feed for feed in reader.cursors if feed.startswith("messages:")]
        assert len(feeds) == 46
        found: list[Change] = []
        source = TeamSource(client)
        for start in range(0, len(feeds), 20):  # as the copier asks
            chosen = {feed: reader.cursors[feed] for feed in feeds[start : start + 20]}
            pages = await source.poll(team.resource, chosen)
            found += [change for page in pages.values() for change in page.changes]
    assert operations(team, since) == ["messages.all"]
    assert {"New in 3", "New in 44"} <= {change.name for change in found}


async def test_replies_beyond_what_expands_are_followed(team: SimulatedTeam) -> None:
    team.tenant.control.change_settings(team.tenant.id, channel_replies_expanded=3)
    root = team.post("Root")
    for number in range(70):
        team.post(f"Reply {number}", reply_to=root)
    for number in range(120):
        team.post(f"Root {number}")
    async with team.tenant.client() as client:
        captured = await capture(TeamSource(client), team.resource)
    assert sum(version.change.kind is ItemKind.CHANNEL_MESSAGE for version in captured.items) == 191


async def test_a_channel_of_another_team_is_named_and_not_read(team: SimulatedTeam) -> None:
    other = SimulatedTeam(team.tenant, "Other")
    shared = other.call("add_channel", "Theirs", membership="shared", owners=[other.ada])
    other.call("change_channel", "Theirs", shared_with=team.id)
    other.post("Not ours", channel="Theirs")
    async with team.tenant.client() as client:
        reader = Reader(TeamSource(client), team)
        changes = await reader.day()
        named = changes[f"incoming/{shared}"]
        assert (named.name, named.skip_cause) == ("Theirs", SkipCause.CHANNEL_OF_ANOTHER_TEAM)
        assert "Not ours" not in names(changes)
        assert f"incoming/{shared}" not in await reader.day()
        other.call("delete_channel", "Theirs")
        assert (await reader.day())[f"incoming/{shared}"].deleted


@pytest.mark.parametrize("missing", READ_ROLES)
async def test_a_missing_permission_is_named(team: SimulatedTeam, missing: str) -> None:
    team.fill()
    roles = [role for role in READ_ROLES if role != missing]
    async with team.tenant.client(roles) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await Reader(TeamSource(client), team).day()
    assert caught.value.permission == missing


async def test_a_team_that_is_gone_is_not_found(team: SimulatedTeam) -> None:
    async with team.tenant.client() as client:
        reader = Reader(TeamSource(client), team)
        await reader.day()
        team.call("delete_team")
        with pytest.raises(SourceNotFoundError):
            await reader.day()


async def test_what_waited_for_a_later_run_is_read_anew(team: SimulatedTeam) -> None:
    ids = team.fill()
    async with team.tenant.client() as client:
        reader = Reader(TeamSource(client), team)
        await reader.day()
        waiting = [Change.from_json(change.to_json()) for change in reader.known.values() if not change.kind.is_folder]
        team.call("edit_message", "General", ids["reply"], "Edited meanwhile")
        team.call("delete_message", "General", ids["image"])
        answers = await reader.fetch(waiting)
    states = {item_id: answer.state for item_id, answer in answers.items()}
    [gone] = [item_id for item_id, state in states.items() if state is not FetchState.FETCHED]
    assert states[gone] is FetchState.GONE
    assert gone.endswith(f"/{ids['image']}")
    [edited] = [answer for answer in answers.values() if answer.change.properties.get("messageId") == ids["reply"]]
    assert edited.change.name == "Edited meanwhile"
    assert edited.change.etag != edited.asked.etag


async def test_an_image_that_graph_does_not_have_costs_no_message(team: SimulatedTeam) -> None:
    team.post('Broken <img src="https://graph.microsoft.com/v1.0/x/hostedContents/none/$value">')
    async with team.tenant.client() as client:
        captured = await capture(TeamSource(client), team.resource)
    [version] = [each for each in captured.items if each.change.kind is ItemKind.CHANNEL_MESSAGE]
    assert json.loads(captured.content[version.change.item_id, Form.NATIVE])["hostedContents"] == []


async def test_under_faults_the_same_is_read(team: SimulatedTeam) -> None:
    team.fill()
    control = team.tenant.control
    async with team.tenant.client() as client:
        expected = await capture(TeamSource(client), team.resource)
        for number, action in enumerate(({"status": 429}, {"status": 503}, {"cut_after_bytes": 5}, {"truncate": 20})):
            control.add_fault(match={"path_regex": "/teams"}, action=action, probability=0.05, seed=number)
        for _ in range(3):
            captured = await capture(TeamSource(client), team.resource)
            assert captured.content == expected.content
        assert control.clear_faults() > 10


@pytest.mark.parametrize("seed", range(3))
async def test_after_many_days_of_random_edits_the_same_is_known_as_by_a_new_listing(
    team: SimulatedTeam, seed: int
) -> None:
    chance = random.Random(seed)
    team.fill()
    edits = TeamEdits(team)
    async with team.tenant.client() as client:
        reader = Reader(TeamSource(client), team)
        for day in range(12):
            for _ in range(chance.randrange(12)):
                edits.one(chance)
            await reader.day()
            fresh = Reader(TeamSource(client), team)
            await fresh.day()
            etags = [{key: change.etag for key, change in each.known.items()} for each in (reader, fresh)]
            living = {key for key in etags[0] if _channel_of(key) in etags[1]}
            assert {key: etags[0][key] for key in living} == etags[1], f"day {day}"
            team.tenant.control.set_clock(team.tenant.id, advance_s=chance.choice([3600, 86_400, 5 * 86_400]))


def _channel_of(item_id: str) -> str:
    """What lies in a deleted channel is buried with it, by the copier."""
    head = item_id.partition("/")[0]
    return item_id if head in ("incoming", "0.team") else head
