"""Teams take back what was taken out of them: authors, times, threads and images, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest

from shared_code.errors import AccessDeniedError, SourceUnavailableError, TargetConflictError
from shared_code.graph.client import GraphClient
from shared_code.graph.teams.source import TeamSource
from shared_code.graph.teams.target import TeamTarget
from shared_code.model.item import ItemKind, ItemVersion
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import WriteState, Written
from tests.fakes.captured import Captured, capture, states, write_back
from tests.fakes.simulated_team import PNG, SimulatedTeam
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

RESTORED, EXISTING, DIFFERS = WriteState.RESTORED, WriteState.EXISTING, WriteState.DIFFERS
LOST = ("reactions", "mentions", "edited")  # what migration mode does not take


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
def team(tenant: SimulatedTenant) -> SimulatedTeam:
    return SimulatedTeam(tenant)


async def captured_of(client: GraphClient, team: SimulatedTeam) -> Captured:
    return await capture(TeamSource(client), team.resource)


def in_order(captured: Captured, *kinds: ItemKind) -> list[ItemVersion]:
    """Items as a restore takes them: in the order of their ids."""
    found = [version for version in captured.items if not kinds or version.change.kind in kinds]
    return sorted(found, key=lambda version: version.change.item_id)


async def restored(
    client: GraphClient, team: SimulatedTeam, captured: Captured, batch_items: int = 100, **options: Any
) -> dict[str, Written]:
    session = TeamTarget(client).open(team.resource)
    versions = options.pop("versions", None) or in_order(captured)
    outcomes: dict[str, Written] = {}
    for start in range(0, len(versions), batch_items):
        outcomes |= await write_back(session, captured, versions[start : start + batch_items], **options)
    return outcomes


def messages(team: SimulatedTeam, channels: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The truth about messages, less what cannot come back, system messages apart."""
    return [
        {name: value for name, value in record.items() if name not in LOST}
        for record in team.truth("message")
        if record["type"] == "message" and (channels is None or record["channel"] in channels)
    ]


def modes(team: SimulatedTeam) -> set[str | None]:
    return {record["migration"] for record in team.truth("channel")}


def plain(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Content without the tags of mentions and of cards, which become text or go."""
    for record in records:
        content = record["content"].replace('<at id="0">', "").replace("</at>", "")
        record["content"] = content.replace('<attachment id="c1"></attachment>', "")
        record["attachments"] = [each for each in record["attachments"] if each[0] == "reference"]
    return records


async def test_deleted_channels_come_back_with_messages_threads_images_and_members(team: SimulatedTeam) -> None:
    team.fill()
    truth, channels = plain(messages(team)), team.truth("channel")
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        for name in ("Inner", "Open", "Plans"):
            team.call("delete_channel", name)
        team.tenant.control.set_clock(team.tenant.id, advance_s=31 * 86_400)
        outcomes = await restored(client, team, captured)
    after = team.truth("channel")
    for before, now in zip(channels, after, strict=True):
        assert {**now, "migration": None} == before
    assert messages(team, ["Inner", "Open", "Plans"]) == [each for each in truth if each["channel"] != "General"]
    assert modes(team) == {None, "completed"}, "no channel stays in migration mode"
    # The six messages of General, its settings and those of the team; and a channel of one, who had to be there first.
    assert states(outcomes) == {RESTORED: len(outcomes) - 9, EXISTING: 9}
    [card] = [each.error for each in outcomes.values() if "cards" in each.error]
    assert card.startswith("Restored; ")


async def test_deleted_messages_come_back_and_what_they_lose_is_said(team: SimulatedTeam) -> None:
    ids = team.fill()
    before = plain(messages(team))
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        for name in ("root", "reply", "image", "image_reply", "mention"):
            team.call("delete_message", "General", ids[name])
        outcomes = await restored(client, team, captured)
    after = plain(messages(team))
    assert [without_time(each) for each in after] == [without_time(each) for each in before]
    # The remains of the deleted ones have their milliseconds.
    later = [later_ms(now, then) for now, then in zip(after, before, strict=True) if now != then]
    assert len(later) == 5
    assert all(0 < shift_ms < 10 for shift_ms in later)
    notes = {key.split("/")[1]: each.error for key, each in outcomes.items() if each.error}
    assert "reactions" in notes[ids["root"]]
    assert "mentions" in notes[ids["mention"]]
    assert "1 ms later" in notes[ids["image"]]


def without_time(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in ("created", "reply_to")}


def contents(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Of any channel, in an order that two messages of the same moment cannot disturb."""
    return sorted((each["content"], each["author"], str(each["attachments"])) for each in records)


def later_ms(now: dict[str, Any], then: dict[str, Any]) -> int:
    moments = [datetime.fromisoformat(each["created"]) for each in (now, then)]
    return round((moments[0] - moments[1]).total_seconds() * 1000)


async def test_an_untouched_team_is_left_alone_under_every_rule(team: SimulatedTeam) -> None:
    team.fill()
    before = team.truth()
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        since = team.tenant.control.log_position()
        for rule in ConflictRule:
            outcomes = await restored(client, team, captured, conflict=rule)
            assert set(states(outcomes)) == {EXISTING}
    assert team.truth() == before
    written = [entry for entry in team.tenant.control.log(since) if entry["method"] != "GET"]
    assert {entry["operation"] for entry in written} <= {"batch", "token"}


async def test_settings_of_many_channels_cost_a_few_requests_each(team: SimulatedTeam) -> None:
    for number in range(30):
        team.call("add_channel", f"Channel {number}")
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        since = team.tenant.control.log_position()
        outcomes = await restored(client, team, captured)
    assert states(outcomes) == {EXISTING: 32}
    assert len(team.tenant.control.log(since)) < 32 * 4


@pytest.mark.parametrize("batch_items", [3, 100])
async def test_a_second_restore_and_a_replay_double_nothing(team: SimulatedTeam, batch_items: int) -> None:
    team.fill()
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        for name in ("Inner", "Open", "Plans"):
            team.call("delete_channel", name)
        team.tenant.control.set_clock(team.tenant.id, advance_s=31 * 86_400)
        await restored(client, team, captured, batch_items)
        once = team.truth()
        again = await restored(client, team, captured, batch_items)
        replayed = await restored(client, team, captured, batch_items, tried_before=True)
    assert team.truth() == once
    assert set(states(again)) == {EXISTING}
    assert set(states(replayed)) <= {EXISTING, RESTORED}
    targets = [outcome.target_id for key, outcome in replayed.items() if not key.endswith(("settings", ".team"))]
    assert len(targets) == len(set(targets)), "two messages claim the same one"


async def test_replies_find_their_message_in_a_later_slice(team: SimulatedTeam) -> None:
    ids = team.fill()
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        for name in ("root", "reply", "image", "image_reply"):
            team.call("delete_message", "General", ids[name])
        for version in in_order(captured, ItemKind.CHANNEL_MESSAGE):
            await restored(client, team, captured, versions=[version])  # each in a session of its own
    threads = [(each["content"][:9], bool(each["reply_to"])) for each in messages(team, ["General"])]
    assert ("Re: hello", True) in threads
    assert len(messages(team)) == len([each for each in ids if each not in ("private", "shared", "standard", "gone")])


async def test_a_reply_whose_message_was_deleted_long_ago_stands_below_a_note(team: SimulatedTeam) -> None:
    root = team.post("Gone before the backup")
    team.post("Still here", user=team.ben, reply_to=root)
    team.call("delete_message", "General", root)
    channel = team.call("add_channel", "Kept")
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        assert channel
        outcomes = await restored(client, team, captured, into="Elsewhere", versions=in_order(captured))
    assert RESTORED in states(outcomes)
    [note, reply] = messages(team, ["Elsewhere"])
    assert "not among what was restored" in note["content"]
    assert (reply["content"], reply["reply_to"]) == ("Still here", note["created"])


async def test_into_a_named_channel_go_the_messages_of_all(team: SimulatedTeam) -> None:
    team.fill()
    before = plain(messages(team))
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        outcomes = await restored(client, team, captured, into="Back")
        again = await restored(client, team, captured, into="Back")
    assert contents(messages(team, ["Back"])) == contents(before)
    assert len(messages(team)) == 2 * len(before)
    settings = [outcomes[key] for key in outcomes if key.endswith(("settings", ".team"))]
    assert all(each.state is EXISTING and "stay as they are" in each.error for each in settings)
    assert set(states(again)) == {EXISTING}


async def test_an_edited_message_is_left_alone_or_restored_beside(team: SimulatedTeam) -> None:
    message = team.post("As it was", created="2026-01-01T00:00:00Z")
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        team.call("edit_message", "General", message, "As it is")
        for rule in (ConflictRule.SKIP, ConflictRule.REPLACE):
            outcomes = await restored(client, team, captured, conflict=rule)
            [outcome] = [each for key, each in outcomes.items() if key.endswith(message)]
            assert outcome.state is WriteState.OCCUPIED
            assert "keep_both" in outcome.error
        await restored(client, team, captured, conflict=ConflictRule.KEEP_BOTH)
        await restored(client, team, captured, conflict=ConflictRule.KEEP_BOTH)
    assert [each["content"] for each in messages(team)] == ["As it is", "As it was"]


async def test_members_and_roles_come_back_and_settings_where_asked(team: SimulatedTeam) -> None:
    team.fill()
    before = team.truth("team")
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        team.call("set_team_member", team.ben, "owner")
        team.call("set_team_member", team.ada, "member")
        team.call("set_team_member", team.cleo, "none")
        team.call("change_team", name="Renamed", settings={"funSettings": {"allowGiphy": False}})
        versions = in_order(captured, ItemKind.TEAM_SETTINGS)
        kept = await restored(client, team, captured, versions=versions)
        assert kept["0.team"].state is WriteState.OCCUPIED
        assert "funSettings" in kept["0.team"].error
        now = team.truth("team")[0]
        assert now["name"] == "Renamed"
        assert len(now["members"]) == 3, "who is missing is added under every rule"
        replaced = await restored(client, team, captured, versions=versions, conflict=ConflictRule.REPLACE)
    assert replaced["0.team"].state is RESTORED
    assert team.truth("team") == before


async def test_what_graph_refuses_of_settings_is_named(team: SimulatedTeam) -> None:
    team.call("add_channel", "Boards")
    team.call("add_tab", "Boards", "Board", app="com.example.custom")
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        team.call("delete_channel", "Boards")
        team.tenant.control.delete_user(team.tenant.id, team.cleo)
        outcomes = await restored(client, team, captured)
    problems = {key: outcome for key, outcome in outcomes.items() if outcome.state is DIFFERS}
    assert len(problems) == 2
    assert f"member {team.cleo} (404)" in problems.pop("0.team").error
    [tab] = problems.values()
    assert "a tab of the app com.example.custom (403)" in tab.error


async def test_a_channel_left_in_migration_mode_is_completed_by_the_replay(team: SimulatedTeam) -> None:
    ids = team.fill()
    control = team.tenant.control
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        for name in ("root", "reply", "image"):
            team.call("delete_message", "General", ids[name])
        versions = in_order(captured, ItemKind.CHANNEL_MESSAGE)
        # The host dies in the middle: neither the third message nor the completion gets through.
        control.add_fault(match={"operation": "messages.import"}, action={"status": 500}, skip=1)
        control.add_fault(match={"operation": "channel.completeMigration"}, action={"status": 500})
        with pytest.raises(SourceUnavailableError):
            await restored(client, team, captured, versions=versions)
        assert "inProgress" in modes(team)
        control.clear_faults()
        outcomes = await restored(client, team, captured, versions=versions, tried_before=True)
    assert modes(team) <= {None, "completed"}
    assert set(states(outcomes)) <= {RESTORED, EXISTING}
    contents = [each["content"] for each in messages(team, ["General"])]
    assert len(contents) == len(set(contents)), "nothing is doubled"
    assert len(contents) == 6


async def test_a_completed_batch_whose_answers_were_lost_is_completed_too(team: SimulatedTeam) -> None:
    ids = team.fill()
    control = team.tenant.control
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        team.call("delete_message", "General", ids["root"])
        versions = [each for each in captured.items if each.change.properties.get("messageId") == ids["root"]]
        control.add_fault(match={"operation": "channel.completeMigration"}, action={"status": 500})
        with pytest.raises(SourceUnavailableError):
            await restored(client, team, captured, versions=versions)
        control.clear_faults()
        outcomes = await restored(client, team, captured, versions=versions, tried_before=True)
    assert set(states(outcomes)) == {RESTORED}
    assert modes(team) <= {None, "completed"}


async def test_a_batch_that_breaks_off_leaves_nobody_locked_out(team: SimulatedTeam) -> None:
    ids = team.fill()
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        team.call("delete_message", "General", ids["root"])
        team.tenant.control.add_fault(match={"operation": "messages.import"}, action={"status": 500})
        with pytest.raises(SourceUnavailableError):
            await restored(client, team, captured, versions=in_order(captured, ItemKind.CHANNEL_MESSAGE))
    assert modes(team) == {None, "completed"}
    assert team.post("People can write again")


async def test_lost_answers_double_nothing(team: SimulatedTeam) -> None:
    team.fill()
    before = plain(messages(team))
    control = team.tenant.control
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        for operation in ("messages.import", "replies.import", "channel.startMigration", "channel.completeMigration"):
            control.add_fault(match={"operation": operation}, action={"cut_after_bytes": 10}, times=2)
        await restored(client, team, captured, into="Back")
    assert len(messages(team, ["Back"])) == len(before)
    assert modes(team) <= {None, "completed"}


async def test_a_name_that_a_deleted_channel_keeps_is_written_otherwise(team: SimulatedTeam) -> None:
    team.fill()
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        team.call("delete_channel", "Plans")
        await restored(client, team, captured)
        await restored(client, team, captured)
        with pytest.raises(TargetConflictError, match="30 days"):
            await TeamTarget(client).open(team.resource).top_folder("Plans", None)
    assert [each["name"] for each in team.truth("channel")] == ["General", "Inner", "Open", "Plans (restored)"]
    assert len(messages(team, ["Plans (restored)"])) == 2


async def test_messages_of_apps_and_of_people_who_left_say_who_wrote_them(team: SimulatedTeam) -> None:
    bot = team.post("Beep", app_name="Bot", created="2026-01-01T00:00:00Z")
    left = team.post("I was here", user=team.cleo, content_type="text", created="2026-01-02T00:00:00Z")
    answer = team.post("Were you?", user=team.cleo, reply_to=bot, created="2026-01-03T00:00:00Z")
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        for message in (bot, left, answer):
            team.call("delete_message", "General", message)
        team.tenant.control.delete_user(team.tenant.id, team.cleo)
        versions = in_order(captured, ItemKind.CHANNEL_MESSAGE)
        outcomes = await restored(client, team, captured, versions=versions)
        again = await restored(client, team, captured, versions=versions)
    assert states(outcomes) == {DIFFERS: 3}
    assert all("who wrote it" in outcome.error for outcome in outcomes.values())
    assert states(again) == {EXISTING: 3}
    back = messages(team)
    assert [each["content"] for each in back] == [
        "<p><strong>[Bot, 2026-01-01T00:00:00.000Z]</strong></p>Beep",
        "[Cleo Projects, 2026-01-02T00:00:00.000Z] I was here",
        "<p><strong>[Cleo Projects, 2026-01-03T00:00:00.000Z]</strong></p>Were you?",
    ]
    assert {each["author"] for each in back} == {team.tenant.user}
    assert back[2]["reply_to"] == back[0]["created"]
    assert modes(team) <= {None, "completed"}


async def test_a_missing_permission_is_named(team: SimulatedTeam) -> None:
    ids = team.fill()
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
    team.call("delete_message", "General", ids["root"])
    held = ["TeamSettings.Read.All", "ChannelSettings.Read.All", "ChannelMessage.Read.All"]
    async with team.tenant.client(held) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await restored(client, team, captured, versions=in_order(captured, ItemKind.CHANNEL_MESSAGE))
    assert caught.value.permission == "Teamwork.Migrate.All"


async def test_images_that_come_back_are_compared_by_their_bytes(team: SimulatedTeam) -> None:
    message = team.post("{image}", images=[PNG], created="2026-01-01T00:00:00Z")
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        team.call("delete_message", "General", message)
        team.tenant.control.add_fault(match={"operation": "hostedContents.value"}, action={"corrupt_bytes": 1})
        outcomes = await restored(client, team, captured, versions=in_order(captured, ItemKind.CHANNEL_MESSAGE))
    [outcome] = outcomes.values()
    assert outcome.state is DIFFERS
    assert "images" in outcome.error


async def test_under_faults_everything_comes_back_once(team: SimulatedTeam) -> None:
    team.fill()
    before = contents(plain(messages(team)))
    control = team.tenant.control
    match = {"path_regex": "/teams"}
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        for number, action in enumerate(({"status": 429}, {"status": 503}, {"cut_after_bytes": 5}, {"truncate": 20})):
            control.add_fault(match=match, action=action, probability=0.1, seed=number)
        for attempt in range(20):
            try:
                await restored(client, team, captured, batch_items=4, into="Back", tried_before=attempt > 0)
                break
            except SourceUnavailableError:
                continue
        assert control.clear_faults() > 10
    assert contents(messages(team, ["Back"])) == before
    assert modes(team) <= {None, "completed"}


async def test_a_team_that_is_gone_is_made_again_with_all_it_had(team: SimulatedTeam) -> None:
    team.fill()
    team.call("change_team", settings={"funSettings": {"giphyContentRating": "strict"}})
    before, channels, [settings] = plain(messages(team)), team.truth("channel"), team.truth("team")
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        team.call("delete_team")
        team.tenant.control.delete_user(team.tenant.id, team.cleo)
        outcomes = await restored(client, team, captured, batch_items=5)
        again = await restored(client, team, captured, batch_items=5)
    [made] = team.tenant.control.teams(team.tenant.id)
    assert made["name"] == "Projects (restored)"
    original, team.id = team.id, made["team"]
    assert messages(team) == before
    assert [{**each, "migration": None} for each in team.truth("channel")] == channels
    [after] = team.truth("team")
    marked = f"{settings['description'] or ''} [restored from team {original}]".strip()
    assert after == {**settings, "name": "Projects (restored)", "description": marked, "members": after["members"]}
    assert len(after["members"]) == 2
    [left] = [outcome for outcome in outcomes.values() if outcome.state is not RESTORED and outcome.error]
    assert f"member {team.cleo}" in left.error
    assert set(states(again)) <= {EXISTING, DIFFERS}, "a second restore finds the team that the first has made"


async def test_a_team_without_anybody_who_owned_it_cannot_be_made_again(team: SimulatedTeam) -> None:
    team.fill()
    async with team.tenant.client() as client:
        captured = await captured_of(client, team)
        team.call("delete_team")
        team.tenant.control.delete_user(team.tenant.id, team.ada)
        with pytest.raises(TargetConflictError, match="none of its owners"):
            await TeamTarget(client).open(team.resource).folder(captured.folders_parents_first[0], "", True)
