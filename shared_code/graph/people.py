"""A tenant's members, with the mailbox and the drive of each.

Sources: graph-docs user-list, user-get-mailboxsettings, exchangesettings-get, drive-get (v1.0, checked
2026-11).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from shared_code.errors import AccessDeniedError, InvalidIdError, SourceError, SourceUnavailableError
from shared_code.graph.answer import Asked
from shared_code.graph.batch import MAX_BATCH, BatchAnswer
from shared_code.graph.client import GraphClient
from shared_code.graph.concurrency import all_of
from shared_code.graph.odata import text_of, time_of, values_of, with_query
from shared_code.model.census import Census, NotCoveredCause, Unseen
from shared_code.model.resource import Resource, ResourceKind, check_resource_id
from shared_code.model.run import NotCovered

_SELECT = ("id", "displayName", "userPrincipalName", "mail", "userType", "accountEnabled", "assignedLicenses")
_PAGE_SIZE = 999
_QUESTIONS = 3  # per user: purpose, mailbox id, drive
_USERS_A_BATCH = MAX_BATCH // _QUESTIONS
_BATCHES_AT_ONCE = 4

_LIST_USERS = Asked("list users", "User.Read.All")
_READ_PURPOSE = Asked("read a mailbox's purpose", "MailboxSettings.Read")
_READ_MAILBOX_ID = Asked("read a user's Exchange settings", "User.Read.All")
_READ_DRIVE = Asked("read a user's drive", "Files.Read.All")
_LIST_DELETED = Asked("list deleted users", "User.Read.All")

_ABSENT = 404
# Codes with which services say "there is none" under another status than 404.
_ABSENT_CODES = frozenset(
    {
        "mailboxnotenabledforrestapi",
        "mailboxnotsupportedforrestapi",
        "errornonexistentmailbox",
        "resourcenotfound",
        "itemnotfound",
        "notfound",
        "request_resourcenotfound",
    }
)


@dataclass(frozen=True, slots=True)
class _Member:
    user_id: str
    display_name: str
    principal_name: str
    licensed: bool


class PeopleListing:
    """Lists the mailboxes and drives of one tenant's members: people, shared mailboxes, rooms and equipment, all of
    which are users to the directory. A blocked account (``accountEnabled`` false) is as good as any, and so is one
    without a licence that has a mailbox."""

    kinds = (ResourceKind.MAILBOX, ResourceKind.DRIVE)

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    async def census(self) -> Census:
        """Every member's mailbox and drive, what is licensed and yet out of reach, and which accounts were deleted
        lately. Guests are left out; having neither is normal for who has no licence.

        A missing permission for mailboxes or for drives hides that kind alone. Raises AccessDeniedError naming the
        permission when it hides both, ThrottledError, SourceUnavailableError: then nothing is known.
        """
        found = _Found()
        licences = 0
        async with aclosing(self._member_pages()) as pages:
            async for members in pages:
                jobs: list[Callable[[], Awaitable[list[tuple[_Member, Sequence[BatchAnswer]]]]]] = [
                    partial(self._ask, members[start : start + _USERS_A_BATCH])
                    for start in range(0, len(members), _USERS_A_BATCH)
                ]
                licences += sum(member.licensed for member in members)
                for group in await all_of(jobs, _BATCHES_AT_ONCE):
                    for member, answers in group:
                        found.add(member, answers)
        await self._client.note_licences(licences)
        return replace(found.census(), deleted_accounts=await self._deleted_accounts())

    async def _deleted_accounts(self) -> tuple[tuple[str, datetime], ...]:
        """Users in the tenant's deleted items, where they stay for 30 days. It is only told of those who left, so a
        refusal is no harm. Sources: graph-docs directory-deleteditems-list, directory (v1.0, checked 2026-11)."""
        request = self._client.graph.directory.deleted_items.graph_user.to_get_request_information()
        deleted: list[tuple[str, datetime]] = []
        try:
            users = self._client.get_pages(with_query(request, select=("id", "deletedDateTime")), _LIST_DELETED)
            async with aclosing(users) as pages:
                async for page in pages:
                    for value in values_of(page):
                        user_id, deleted_at = text_of(value.get("id")), time_of(value.get("deletedDateTime"))
                        if user_id and deleted_at:
                            deleted.append((user_id, deleted_at))
        except SourceError as error:
            if error.retryable:
                raise
            return ()
        return tuple(deleted)

    async def _member_pages(self) -> AsyncGenerator[list[_Member], None]:
        request = self._client.graph.users.to_get_request_information()
        users = self._client.get_pages(with_query(request, select=_SELECT, top=_PAGE_SIZE), _LIST_USERS)
        async with aclosing(users) as pages:
            async for page in pages:
                yield [_member(value) for value in values_of(page) if _is_member(value)]

    async def _ask(self, members: Sequence[_Member]) -> list[tuple[_Member, Sequence[BatchAnswer]]]:
        infos: list[Any] = []
        for member in members:
            user = self._client.graph.users.by_user_id(member.user_id)
            infos.append(with_query(user.mailbox_settings.to_get_request_information(), select=["userPurpose"]))
            infos.append(user.settings.exchange.to_get_request_information())
            infos.append(with_query(user.drive.to_get_request_information(), select=["id", "driveType"]))
        answers = await self._client.batch(infos, Asked("read where users have mailboxes and drives"))
        return [
            (member, answers[_QUESTIONS * place : _QUESTIONS * (place + 1)]) for place, member in enumerate(members)
        ]


class _Found:
    """What the answers say so far. ``refused``: by kind, whose resource was refused and with which error; ``answered``:
    kinds about which somebody's answer came, so that a refusal is no missing permission."""

    def __init__(self) -> None:
        self._resources: list[Resource] = []
        self._not_covered: list[NotCovered] = []
        self._refused: dict[ResourceKind, list[tuple[_Member, SourceError]]] = {}
        self._answered: set[ResourceKind] = set()

    def add(self, member: _Member, answers: Sequence[BatchAnswer]) -> None:
        """Take the answers about one member. Raises ThrottledError, SourceUnavailableError."""
        purpose, mailbox, drive = answers
        owner = {"user_id": member.user_id, "principal_name": member.principal_name}
        try:
            mailbox_id = _value_or_absent(mailbox, "primaryMailboxId", _READ_MAILBOX_ID)
            purpose_value = _value_or_absent(purpose, "userPurpose", _READ_PURPOSE)
        except SourceError as error:
            self._refuse(ResourceKind.MAILBOX, member, error)
        else:
            self._answered.add(ResourceKind.MAILBOX)
            what = f"mailbox of {member.principal_name}"
            if mailbox_id and purpose_value is not None:
                attributes = {**owner, "mailbox_id": mailbox_id, "purpose": purpose_value or "unknown"}
                self._keep(Resource(ResourceKind.MAILBOX, member.user_id, member.display_name, attributes), what)
            elif member.licensed or mailbox_id:
                self._not_covered.append(NotCovered(what, NotCoveredCause.NO_MAILBOX_YET))
        try:
            drive_id = _value_or_absent(drive, "id", _READ_DRIVE)
        except SourceError as error:
            self._refuse(ResourceKind.DRIVE, member, error)
        else:
            self._answered.add(ResourceKind.DRIVE)
            what = f"drive of {member.principal_name}"
            if drive_id:
                self._keep(Resource(ResourceKind.DRIVE, drive_id, member.display_name, owner), what)
            elif member.licensed:
                self._not_covered.append(NotCovered(what, NotCoveredCause.NO_DRIVE_YET))

    def census(self) -> Census:
        """The sum. Raises the error of a refusal when nothing was answered at all."""
        unseen: list[Unseen] = []
        for kind, refusals in self._refused.items():
            if kind in self._answered:
                unseen += [self._refused_alone(kind, member, error) for member, error in refusals]
            elif self._answered:
                unseen.append(Unseen(kind, refusals[0][1].message))
            else:
                raise _first_of(self._refused)
        return Census(tuple(self._resources), tuple(self._not_covered), tuple(unseen))

    def _refuse(self, kind: ResourceKind, member: _Member, error: SourceError) -> None:
        if type(error) not in (SourceError, AccessDeniedError):
            raise error
        self._refused.setdefault(kind, []).append((member, error))

    def _refused_alone(self, kind: ResourceKind, member: _Member, error: SourceError) -> Unseen:
        """Others could be read, so it is no permission that is missing."""
        what = f"{kind} of {member.principal_name}"
        self._not_covered.append(NotCovered(what, NotCoveredCause.ACCESS_REFUSED))
        return Unseen(kind, f"The {what} is refused ({error.context.get('status')}).", member.user_id)

    def _keep(self, resource: Resource, what: str) -> None:
        """One odd id must not end the run of everybody else."""
        try:
            check_resource_id(resource.id)
        except InvalidIdError:
            self._not_covered.append(NotCovered(what, NotCoveredCause.ODD_ID))
        else:
            self._resources.append(resource)


def _first_of(refused: Mapping[ResourceKind, Sequence[tuple[_Member, SourceError]]]) -> SourceError:
    """What to raise when nothing could be seen: rather a refusal that names its permission."""
    errors = [error for entries in refused.values() for _, error in entries]
    denied = next((error for error in errors if isinstance(error, AccessDeniedError)), None)
    return denied or SourceUnavailableError(errors[0].message, **errors[0].context)


def _value_or_absent(answer: BatchAnswer, name: str, asked: Asked) -> str | None:
    """The asked property; None when there is no such thing. Raises everything else."""
    if answer.is_success:
        return text_of(answer.json_object().get(name))
    error: SourceError = answer.error(asked)
    code = str(error.context.get("code", "")).lower()
    if answer.status == _ABSENT or (code in _ABSENT_CODES and answer.status != 403):
        return None
    raise error


def _is_member(value: Mapping[str, Any]) -> bool:
    return bool(value.get("id")) and str(value.get("userType") or "Member").lower() != "guest"


def _member(value: Mapping[str, Any]) -> _Member:
    principal_name = text_of(value.get("userPrincipalName"))
    return _Member(
        user_id=text_of(value.get("id")),
        display_name=text_of(value.get("displayName")) or principal_name,
        principal_name=principal_name,
        licensed=bool(value.get("assignedLicenses")),
    )
