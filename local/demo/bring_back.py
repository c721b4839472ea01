"""The restores of the story: chosen by browsing a snapshot over HTTP, started, watched."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from local.demo.company import Company
from local.demo.failures import DemoError
from local.demo.figures import counted, size_text
from local.demo.fill_drive import ATTACKED_FOLDER, DELETED_DOCUMENTS, FILM
from local.demo.fill_mailbox import INBOX, PROJECT_FOLDER
from local.demo.fill_site import DEFECTS
from local.demo.fill_team import DIARY
from local.demo.narrator import Narrator
from local.demo.service_api import ServiceApi
from local.demo.truth import Record, Truth, is_below, moved_below, moved_to, name_of, place_of
from local.demo.waiting import watch
from local.demo.working_day import DeletedItems

COPY_FOLDER = "Restored from yesterday"
DIARY_AGAIN = f"{DIARY} of yesterday"


@dataclass(frozen=True)
class Order:
    """One restore that is asked for. ``expected`` are the records that have to be there afterwards, and ``concerns``
    tells whether a record of the resource lies in the place that is compared."""

    title: str
    resource: str
    request: dict[str, Any]
    expected: tuple[Record, ...]
    concerns: Callable[[Record], bool]


@dataclass(frozen=True)
class FinishedRestore:
    """An order, and what the API says of it at the end."""

    order: Order
    status: dict[str, Any]


def choose(api: ServiceApi, company: Company, before: Truth, deleted: DeletedItems, seq: int) -> Iterator[Order]:
    """Look everything up in snapshot ``seq`` and yield the orders."""
    drive, mailbox, site = company.person(0).drive, company.person(1).mailbox, company.site_resource
    yield _folder("The encrypted folder", api, drive, ATTACKED_FOLDER, before, seq, conflict="replace")
    yield _single_files(api, company, before, seq)
    yield _folder("The deleted mail folder", api, mailbox, PROJECT_FOLDER, before, seq)
    yield _single_items(api, company, before, deleted, seq)
    yield _whole_mailbox(company, before, seq)
    yield _folder("The deleted list of the site", api, site, DEFECTS, before, seq)
    yield _deleted_channel(api, company, before, seq)


def restore(api: ServiceApi, narrator: Narrator, order: Order, check: Callable[[], None]) -> FinishedRestore:
    """Start a restore and wait until it has ended. Raises DemoError when it failed as a whole."""
    restore_id = api.start_restore(order.request)
    with narrator.bar(order.title) as bar:

        def show(status: dict[str, Any]) -> None:
            counts = status["counts"]
            done = counts["restored"] + counts["existing"] + counts["differs"] + counts["failed"]
            bar.show(done, counts["planned"], size_text(counts["written_bytes"]))

        status = watch(lambda: api.restore(restore_id), show, check, f"The restore '{order.title}'")
    if status["state"] == "failed":
        raise DemoError(f"{order.title}: the restore failed: {status['error'] or _first_problem(status)}")
    return FinishedRestore(order, status)


def show_restores(narrator: Narrator, finished: Sequence[FinishedRestore]) -> None:
    """A table of what the service says that it did."""
    rows = [
        (
            each.order.title,
            str(each.status["state"]),
            str(each.status["counts"]["restored"]),
            str(each.status["counts"]["existing"]),
            str(each.status["counts"]["failed"] + each.status["counts"]["differs"]),
            size_text(each.status["counts"]["written_bytes"]),
        )
        for each in finished
    ]
    narrator.table(("restore", "state", "written back", "left alone", "failed", "bytes"), rows, left=2)
    for each in finished:
        problems = each.status["problems"]
        if problems:
            narrator.say(
                f"{each.order.title}: {counted(len(problems), 'note')}; the first: {_first_problem(each.status)}"
            )


def _folder(
    title: str, api: ServiceApi, resource: str, path: str, before: Truth, seq: int, conflict: str = "skip"
) -> Order:
    """A folder with all that is below it, into its place."""
    folder = api.find(resource, seq, path)
    return Order(
        title,
        resource,
        _request(resource, seq, {"folder_ids": [folder["id"]]}, conflict),
        tuple(before.below(resource, path)),
        lambda record: is_below(place_of(record), path),
    )


def _single_files(api: ServiceApi, company: Company, before: Truth, seq: int) -> Order:
    drive = company.person(0).drive
    paths = (FILM, *DELETED_DOCUMENTS)
    ids = [api.find(drive, seq, path)["id"] for path in paths]
    return Order(
        "The film as it was, two deleted files",
        drive,
        _request(drive, seq, {"item_ids": ids}, conflict="replace"),
        tuple(record for record in before.records[drive] if place_of(record) in paths),
        lambda record: place_of(record) in paths,
    )


def _single_items(api: ServiceApi, company: Company, before: Truth, deleted: DeletedItems, seq: int) -> Order:
    mailbox = company.person(2).mailbox
    gone = {(INBOX, name) for name in deleted.messages} | {("Calendar", deleted.event), ("Contacts", deleted.contact)}
    inbox = api.find(mailbox, seq, INBOX)["id"]
    ids = [item["id"] for item in api.items(mailbox, seq, inbox) if item["name"] in deleted.messages]
    for folder in ("Calendar", "Contacts"):
        ids += _missing_since(api, mailbox, seq, folder)
    if len(ids) != len(gone):
        raise DemoError(f"Browsing snapshot {seq} shows {len(ids)} of the {len(gone)} deleted items.")
    return Order(
        "Deleted messages, appointment, contact",
        mailbox,
        _request(mailbox, seq, {"item_ids": ids}),
        tuple(record for record in before.records[mailbox] if name_of(record) in gone),
        lambda record: name_of(record) in gone,
    )


def _missing_since(api: ServiceApi, mailbox: str, seq: int, folder: str) -> list[str]:
    """Ids of what a folder held in snapshot ``seq`` and does not hold in the newest one."""
    newest = int(api.snapshots(mailbox)[0]["seq"])
    folder_id = api.find(mailbox, seq, folder)["id"]
    still_there = {item["id"] for item in api.items(mailbox, newest, folder_id)}
    return [item["id"] for item in api.items(mailbox, seq, folder_id) if item["id"] not in still_there]


def _whole_mailbox(company: Company, before: Truth, seq: int) -> Order:
    mailbox = company.person(3).mailbox
    request = _request(mailbox, seq, {"everything": True})
    return Order(
        "A whole mailbox, beside what is there",
        mailbox,
        {**request, "target": "folder", "folder_name": COPY_FOLDER},
        tuple(moved_below(record, COPY_FOLDER) for record in before.records[mailbox]),
        lambda record: place_of(record).startswith(COPY_FOLDER + "/"),
    )


def _deleted_channel(api: ServiceApi, company: Company, before: Truth, seq: int) -> Order:
    """The name of a deleted channel stays taken for 30 days."""
    team = company.team_resource
    folder = api.find(team, seq, DIARY)
    return Order(
        "The deleted channel, under another name",
        team,
        {**_request(team, seq, {"folder_ids": [folder["id"]]}), "target": "folder", "folder_name": DIARY_AGAIN},
        tuple(moved_to(record, DIARY_AGAIN) for record in before.below(team, DIARY)),
        lambda record: place_of(record) == DIARY_AGAIN,
    )


def _request(resource: str, seq: int, selection: dict[str, Any], conflict: str = "skip") -> dict[str, Any]:
    return {
        "resource": resource,
        "seq": seq,
        "selection": selection,
        "target": "original",
        "conflict": conflict,
    }


def _first_problem(status: dict[str, Any]) -> str:
    problems = status["problems"]
    return str(problems[0]["error"]) if problems else "the API names no cause"
