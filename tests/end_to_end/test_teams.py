"""Teams through the whole service: filled, changed in every way, destroyed, and restored as of either day."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.product_settings import APP_CLIENT_SECRET, product_settings
from local.services import Stack
from tests.end_to_end.service import DEADLINE_S, Customer, Service

PNG = b"\x89PNG\r\n\x1a\n end to end"
LINK = {"id": "a1", "contentType": "reference", "contentUrl": "https://x.example/Plan.docx", "name": "Plan.docx"}
DAY_S = 86_400
# What migration mode does not take back; every such message is named in the restore's problems.
LOST = ("reactions", "mentions", "edited")
Truth = list[dict[str, Any]]


@dataclass
class Team:
    """A team of a customer's tenant, with three people in it and one beside it."""

    customer: Customer
    id: str = ""
    people: dict[str, str] = field(default_factory=dict)
    posted: dict[str, str] = field(default_factory=dict)

    @property
    def resource(self) -> str:
        return f"team.{self.id}"

    def call(self, method: str, /, *arguments: Any, **more: Any) -> Any:
        control = self.customer.control
        return getattr(control, method)(self.customer.tenant_id, self.id, *arguments, **more)

    def post(self, key: str, content: str, channel: str = "General", user: str = "ada", **more: Any) -> None:
        if "reply_to" in more:
            more["reply_to"] = self.posted[more["reply_to"]]
        self.posted[key] = self.call("post_message", channel, self.people[user], content, **more)

    def on(self, method: str, key: str, *arguments: Any, channel: str = "General", **more: Any) -> None:
        self.call(method, channel, self.posted[key], *arguments, **more)

    def truth(self) -> Truth:
        return [record for record in self.call("team_oracle") if record.get("type", "message") == "message"]


def filled(customer: Customer) -> Team:
    team = Team(customer)
    for name in ("ada", "ben", "cleo", "dora"):
        team.people[name] = str(customer.add_user(name.title())["id"])
    members = [team.people["ben"], team.people["cleo"]]
    team.id = customer.control.add_team(
        customer.tenant_id, "Crew", owners=[team.people["ada"]], members=members, description="The crew"
    )
    team.call("add_channel", "Plans", description="What we plan")
    team.call("add_channel", "Inner", membership="private", owners=[team.people["ada"]], members=[team.people["ben"]])
    team.call("add_channel", "Open", membership="shared", owners=[team.people["ben"]], members=[team.people["dora"]])
    team.call("add_channel", "Doomed", description="Not for long")
    team.call("add_tab", "Plans", "Wiki", configuration={"contentUrl": "https://x.example/wiki"})
    team.post("hello", "<p>Hello <b>all</b></p>", subject="Start", created="2025-03-01T08:00:00.123Z")
    team.post("answer", "<p>Hi!</p>", user="ben", reply_to="hello", created="2025-03-01T09:00:00.456Z")
    team.post("old", "Beyond any delta", created="2021-01-01T00:00:00.001Z", importance="high")
    team.post("image", "See {image}", user="cleo", images=[PNG], created="2025-04-01T00:00:00Z")
    team.post("mention", '<at id="0">Ben</at>?', mentions=[team.people["ben"]], created="2025-05-01T00:00:00Z")
    team.post("link", '<attachment id="a1"></attachment>', "Plans", attachments=[LINK], created="2025-06-01T00:00:00Z")
    team.post("secret", "Between us", "Inner", created="2025-07-01T00:00:00Z")
    team.post("secret answer", "Sure", "Inner", "ben", reply_to="secret", created="2025-07-01T00:00:01Z")
    team.post("open", "For others", "Open", "ben", created="2025-08-01T00:00:00Z")
    team.post("open answer", "Thanks", "Open", "dora", reply_to="open", created="2025-08-01T00:00:01Z")
    team.post("doomed", "Soon gone", "Doomed", created="2025-09-01T00:00:00Z")
    team.post("regret", "Soon deleted", created="2025-10-01T00:00:00Z")
    team.on("react", "hello", team.people["cleo"], "heart")
    team.call("post_message", "General", "", "<systemEventMessage/>", message_type="systemEventMessage")
    return team


def changed(team: Team) -> None:
    """Everything that can happen in a day."""
    control = team.customer.control
    control.set_clock(team.customer.tenant_id, advance_s=DAY_S)
    team.post("new", "A new day", "Plans", "cleo")
    team.post("late", "Late answer to the oldest", user="ben", reply_to="old")
    team.post("late open", "Late answer among others", "Open", reply_to="open")
    team.post("new image", "Again {image}", images=[PNG + b"2"])
    team.on("edit_message", "hello", "<p>Hello <i>everybody</i></p>")
    team.on("edit_message", "secret answer", "Never mind", channel="Inner")
    team.on("delete_message", "regret")
    team.on("delete_message", "answer")
    team.on("react", "image", team.people["ben"], "like")
    team.on("react", "hello", team.people["cleo"], "heart", undo=True)
    team.call("change_channel", "Plans", new_name="Projects", new_description="What we do")
    team.call("delete_channel", "Doomed")
    team.call("add_channel", "Fresh")
    team.post("fresh", "First here", "Fresh")
    team.call("set_team_member", team.people["cleo"], "none")
    team.call("set_team_member", team.people["dora"], "owner")
    team.call("set_team_member", team.people["ben"], "none", channel="Inner")
    team.call("change_team", description="The crew, renewed", settings={"funSettings": {"allowGiphy": False}})


def destroyed(team: Team) -> None:
    """Every channel but the first, which cannot be deleted, and all messages of that one."""
    for record in team.truth():
        if record["record"] == "channel" and record["name"] != "General":
            team.call("delete_channel", record["name"])
    for key in ("hello", "answer", "old", "image", "mention", "late", "new image", "regret"):
        if key in team.posted:
            team.on("delete_message", key)
    for name in ("ben", "cleo"):
        team.call("set_team_member", team.people[name], "none")
    team.call("change_team", description="", settings={"memberSettings": {"allowDeleteChannels": False}})
    # A deleted channel keeps its name for 30 days.
    team.customer.control.set_clock(team.customer.tenant_id, advance_s=31 * DAY_S)


def restorable(truth: Truth, *, of: str) -> list[Any]:
    """What must come back, property by property; where deleted messages have left remains, times are one or two
    milliseconds later."""
    found: list[Any] = []
    for record in truth:
        if record["record"] != of:
            continue
        kept = {name: value for name, value in record.items() if name not in (*LOST, "migration")}
        if of == "message":
            kept["content"] = record["content"].replace('<at id="0">', "").replace("</at>", "")
            kept["created"] = kept["created"][:-4]
            kept["reply_to"] = kept["reply_to"] and kept["reply_to"][:-4]
        found.append(kept)
    return found


def one(records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    [found] = records
    return found


@pytest.mark.parametrize("day", [1, 2])
def test_either_day_comes_back(customer: Customer, day: int) -> None:
    team = filled(customer)
    since = customer.control.log_position()
    first = customer.run()
    assert not [entry for entry in first["not_covered"] if "team" in entry["what"]]
    truths = {1: team.truth()}
    changed(team)
    second = customer.run()
    assert second["counts"]["failed"] == 0
    truths[2] = team.truth()
    destroyed(team)

    snapshots = customer.get(f"/resources/{team.resource}/snapshots")["snapshots"]
    assert [snapshot["state"] for snapshot in snapshots] == ["complete", "complete"]
    restore = customer.restore(team.resource, seq=day, selection={"everything": True}, conflict="replace")
    assert restore["counts"]["failed"] == restore["counts"]["differs"] == 0, restore["problems"]
    truth, now = truths[day], team.truth()

    assert restorable(now, of="message") == restorable(truth, of="message")
    assert restorable(now, of="channel") == restorable(truth, of="channel")
    before, after = one(restorable(truth, of="team")), one(restorable(now, of="team"))
    people = {tuple(member) for member in before["members"]}
    assert people <= {tuple(member) for member in after["members"]}, "who was in the team is in it again"
    assert {**after, "members": 0} == {**before, "members": 0}
    assert {record["migration"] for record in now if record["record"] == "channel"} <= {None, "completed"}

    lost = [record for record in truth if record["record"] == "message" and (record["reactions"] or record["mentions"])]
    noted = [each for each in restore["problems"] if "reactions" in each["error"] or "mentions" in each["error"]]
    assert len(noted) == len(lost)
    own = [entry for entry in customer.control.log(since) if entry["tenant"] == customer.tenant_id]
    assert len(own) > 100
    assert not [entry["path"] for entry in own if "chats" in entry["path"].lower()], "no chat is ever asked for"
    assert not [entry for entry in own if entry["operation"] == "chats.refused"]


def test_a_deleted_team_is_made_again(customer: Customer) -> None:
    team = filled(customer)
    customer.run()
    truth = team.truth()
    team.call("delete_team")
    later = customer.wait(f"/runs/{customer.start_run()}")
    assert later["totals"]["failed"] == 0, "a team that is gone is no failure of the others"
    restore = customer.restore(team.resource, seq=1, selection={"everything": True})
    assert restore["counts"]["failed"] == restore["counts"]["differs"] == 0, restore["problems"]
    [made] = customer.control.teams(customer.tenant_id)
    assert made["name"] == "Crew (restored)"
    original, team.id = team.id, made["team"]
    now = team.truth()
    for of in ("message", "channel"):
        assert restorable(now, of=of) == restorable(truth, of=of)
    before, after = one(restorable(truth, of="team")), one(restorable(now, of="team"))
    marked = f"{before['description'] or ''} [restored from team {original}]".strip()
    assert after == {**before, "name": "Crew (restored)", "description": marked}


def test_a_quiet_day_reads_no_message_again(customer: Customer) -> None:
    team = filled(customer)
    customer.run()
    since = customer.control.log_position()
    run = customer.run()
    assert (run["counts"]["stored"], run["counts"]["deleted"]) == (0, 0)
    own = [entry["operation"] for entry in customer.control.log(since) if entry["tenant"] == customer.tenant_id]
    assert own.count("messages.all") == 1
    assert own.count("messages.list") == 1
    assert not [name for name in own if name.startswith(("message.", "reply.", "hostedContents."))]
    assert len(customer.get(f"/resources/{team.resource}/snapshots")["snapshots"]) == 2


def test_one_channel_into_another_by_name(customer: Customer) -> None:
    team = filled(customer)
    customer.run()
    view = customer.get(f"/resources/{team.resource}/snapshots/1/items")
    channels = {item["name"]: item["id"] for item in view["items"] if item["kind"] == "channel"}
    assert set(channels) == {"General", "Plans", "Inner", "Open", "Doomed"}
    restore = customer.restore(
        team.resource, seq=1, selection={"folder_ids": [channels["Open"]]}, target="folder", folder_name="From Open"
    )
    assert restore["counts"]["restored"] == 2
    back = [record for record in team.truth() if record["record"] == "message" and record["channel"] == "From Open"]
    assert [(record["content"], record["reply_to"]) for record in back] == [
        ("For others", None),
        ("Thanks", "2025-08-01T00:00:00.000Z"),
    ]


def test_teams_that_cannot_be_listed_are_named(customer: Customer) -> None:
    customer.add_user("Ada")
    roles = ("User.Read.All", "MailboxSettings.Read", "Files.Read.All", "Mail.Read")
    exchange = ("MailboxItem.Export.All", "MailboxFolder.Read.All", "MailboxItem.Read.All")
    customer.control.add_app(customer.tenant_id, "backup-app", APP_CLIENT_SECRET, [*roles, *exchange])
    run = customer.run(expect="partial")
    assert any("GroupMember.Read.All" in reason for reason in run["unseen"])


@pytest.fixture(scope="module")
def fragile() -> Iterator[Service]:
    """A stack of its own whose host can be killed."""
    with Stack(host_env=product_settings) as stack:
        service = Service(stack)
        yield service
        service.close()


def test_a_host_that_dies_while_restoring_doubles_nothing_and_locks_nobody_out(fragile: Service) -> None:
    customer = fragile.onboard()
    team = filled(customer)
    for number in range(30):
        team.post(f"more {number}", f"More {number}", "Plans", created=f"2025-06-02T00:00:{number:02d}Z")
    customer.run()
    truth = team.truth()
    team.call("delete_channel", "Plans")
    customer.control.set_clock(customer.tenant_id, advance_s=31 * DAY_S)
    customer.control.add_fault(match={"operation": "messages.import"}, action={"delay_s": 0.05})
    since = customer.control.log_position()
    body = {"resource": team.resource, "seq": 1, "selection": {"everything": True}}
    started = fragile.call("POST", f"/api/customers/{customer.id}/restores", body)
    assert started.status_code == 202
    deadline = time.monotonic() + DEADLINE_S
    while sum(entry["operation"] == "messages.import" for entry in customer.control.log(since)) < 8:
        assert time.monotonic() < deadline, "the restore has not come so far"
        time.sleep(0.01)
    fragile.stack.kill_host()
    assert "inProgress" in {record.get("migration") for record in team.truth()}, "it died in the middle"
    customer.control.clear_faults()
    fragile.stack.start_host()

    # Whoever asks for the same again finds the one that was begun, which goes on.
    again = fragile.call("POST", f"/api/customers/{customer.id}/restores", body)
    assert (again.status_code, again.json()["restore_id"]) == (409, started.json()["restore_id"])
    restore = customer.wait(f"/restores/{started.json()['restore_id']}")
    assert restore["state"] == "complete", restore
    assert restore["counts"]["failed"] == restore["counts"]["differs"] == 0, restore["problems"]
    now = team.truth()
    assert restorable(now, of="message") == restorable(truth, of="message")
    assert {record["migration"] for record in now if record["record"] == "channel"} <= {None, "completed"}
