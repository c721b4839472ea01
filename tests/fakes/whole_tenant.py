"""A tenant with some of everything that is backed up. Each function fills one workload and returns the day on which all
of it changes."""

from __future__ import annotations

from collections.abc import Callable

from tests.fakes.example_site import fill_site
from tests.fakes.simulated_team import PNG, SimulatedTeam
from tests.fakes.simulated_tenant import SimulatedTenant

NextDay = Callable[[], None]


def fill_mailboxes(tenant: SimulatedTenant) -> NextDay:
    """Generated mailboxes, and one with folders, an event and an empty folder."""
    control, tid, user = tenant.control, tenant.id, tenant.user
    control.generate(tid, users=1, messages_per_user=40, events_per_user=5, contacts_per_user=5, seed="faults")
    for number in range(25):
        mime = f"Subject: Message {number}\r\nFrom: a{number}@example.com\r\n\r\nBody {number}\r\n".encode()
        control.add_message(tid, user, mime, folder=["Inbox", f"Folder {number % 3}"], received="2026-11-02T08:00:00Z")
    control.add_event(tid, user, {"subject": "Stand-up"})
    control.add_folder(tid, user, ["Inbox", "Empty"])

    def change() -> None:
        first, second, *_ = control.items(tid, user, ["Inbox", "Folder 0"])
        control.delete_item(tid, user, first["item"])
        control.move_item(tid, user, second["item"], ["Inbox", "Folder 1"])
        control.delete_folder(tid, user, ["Inbox", "Folder 2"])
        control.rename_folder(tid, user, ["Inbox", "Empty"], "Renamed")
        control.add_message(tid, user, b"Subject: New\r\n\r\nNew\r\n", folder=["Inbox"])
        control.change_mailbox_settings(tid, user, timeZone="Tokyo Standard Time")

    return change


def fill_drives(tenant: SimulatedTenant) -> NextDay:
    """Small files, an empty one, one that is streamed, and one that nobody may download."""
    control, tid, user = tenant.control, tenant.id, tenant.user
    control.generate(tid, users=1, files_per_user=20, file_size_bytes=3_000, folder_depth=2, seed="faults", prefix="d")
    for number in range(30):
        control.put_file(tid, user, ["Docs", f"Folder {number % 4}", f"{number}.txt"], b"content %d" % number * 60)
    control.put_file(tid, user, "empty.bin", b"")
    control.put_generated_file(tid, user, "large.bin", 9_000_000)
    control.put_file(tid, user, "bad.exe", b"malware")
    control.mark_malware(tid, user, "bad.exe")

    def change() -> None:
        control.delete_file(tid, user, ["Docs", "Folder 0"])
        control.rename_file(tid, user, ["Docs", "Folder 1"], "Renamed")
        control.move_file(tid, user, ["Docs", "Folder 2"], ["Docs", "Folder 3"])
        control.put_file(tid, user, ["Docs", "Folder 3", "3.txt"], b"other content")

    return change


def fill_sites(tenant: SimulatedTenant) -> NextDay:
    """A site with one of everything and many rows and files; and one below it."""
    control, tid = tenant.control, tenant.id
    example = fill_site(control, tid)
    site, tasks, drive = example.site, example.tasks, example.drive
    control.put_generated_file(tid, drive, "/large.bin", 5_000_000)
    rows = []
    for number in range(20):
        control.put_file(tid, drive, f"/Folder {number % 3}/{number}.txt", b"content %d" % number * 60)
        rows.append(control.add_row(tid, site, tasks, {"Title": f"Row {number}", "Hours": number}))
    control.add_row(tid, site, tasks, {"Title": "With files"}, attachments=True)
    control.add_site(tid, "/sites/works/sub", "Below", parent=site)

    def change() -> None:
        control.move_file(tid, drive, "/Folder 0", "/Folder 1")
        control.delete_file(tid, drive, "/Folder 2")
        control.put_file(tid, drive, "/Folder 1/1.txt", b"other content")
        control.set_file_fields(tid, site, "Documents", "/Plans/plan.txt", {"Stage": "final"})
        control.delete_row(tid, site, tasks, rows[0])
        control.change_row(tid, site, tasks, rows[1], {"Title": "Changed", "Hours": 99})
        control.add_column(tid, site, tasks, "Place of work", "text")
        control.add_row(tid, site, tasks, {"Title": "New", "Place of work": "Berlin"})
        control.delete_list(tid, site, "Pictures")
        control.add_row(tid, site, str(control.add_list(tid, site, "New list")["list"]), {"Title": "Only row"})
        control.change_page(tid, site, example.page, {"title": "Edited"})
        control.add_page(tid, site, "news.aspx", {"title": "News"})
        control.change_site(tid, site, path="/sites/elsewhere", display_name="Factory")

    return change


def fill_teams(tenant: SimulatedTenant) -> NextDay:
    """A team with channels and messages of all kinds, and a channel of several pages."""
    team = SimulatedTeam(tenant)
    ids = team.fill()
    team.call("add_channel", "Busy")
    roots = [team.post(f"Message {number}", channel="Busy") for number in range(60)]
    for number, root in enumerate(roots[:20]):
        team.post(f"Reply {number}", channel="Busy", reply_to=root)

    def change() -> None:
        team.post("New {image}", images=[PNG + b"3"])
        team.post("New reply to the oldest", reply_to=ids["old"])
        team.post("New among others", channel="Open", reply_to=ids["open"])
        team.call("edit_message", "General", ids["reply"], "Edited")
        team.call("delete_message", "General", ids["image"])
        team.call("delete_message", "Open", ids["open_reply"])
        team.call("react", "Busy", roots[0], team.cleo)
        team.call("add_tab", "Busy", "Page", configuration={"contentUrl": "https://x.example"})
        team.call("change_channel", "Inner", new_name="Innermost")
        team.call("delete_channel", "Plans")
        team.call("add_channel", "Brand new", membership="private", owners=[team.ada])
        team.call("set_team_member", team.cleo, "none")

    return change


FILL: list[Callable[[SimulatedTenant], NextDay]] = [fill_mailboxes, fill_drives, fill_sites, fill_teams]
