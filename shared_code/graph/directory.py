"""What a tenant holds: its members, with the mailbox and the drive of each.

Sources: graph-docs user-list, user-get-mailboxsettings, exchangesettings-get, drive-get (v1.0, checked
2026-11).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from shared_code.errors import InvalidIdError, SourceError, SourceUnavailableError
from shared_code.graph.answer import Asked
from shared_code.graph.batch import MAX_BATCH, BatchAnswer
from shared_code.graph.client import GraphClient
from shared_code.graph.concurrency import all_of
from shared_code.graph.odata import text_of, values_of, with_query
from shared_code.graph.team_directory import list_teams
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


class TenantDirectory:
    """Lists the resources of one tenant."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client

    async def list_resources(self) -> tuple[tuple[Resource, ...], tuple[NotCovered, ...]]:
        """Every member's mailbox and drive, and what is licensed and yet out of reach. Guests are left out;
        having neither is normal for who has no licence.

        Raises AccessDeniedError naming the permission, ThrottledError, SourceUnavailableError: then nothing
        is known, and nobody may be taken for gone.
        """
        resources: list[Resource] = []
        not_covered: list[NotCovered] = []
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
                        _add(member, answers, resources, not_covered)
        await self._client.note_licences(licences)
        _extend(resources, not_covered, await list_teams(self._client))
        resources.sort(key=lambda resource: resource.id)
        not_covered.sort(key=lambda entry: (entry.what, entry.cause))
        return tuple(resources), tuple(not_covered)

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


def _extend(
    resources: list[Resource],
    not_covered: list[NotCovered],
    more: tuple[Sequence[Resource], Sequence[NotCovered]],
) -> None:
    resources.extend(more[0])
    not_covered.extend(more[1])


def _add(
    member: _Member,
    answers: Sequence[BatchAnswer],
    resources: list[Resource],
    not_covered: list[NotCovered],
) -> None:
    purpose, mailbox, drive = answers
    owner = {"user_id": member.user_id, "principal_name": member.principal_name}
    mailbox_id = _value_or_absent(mailbox, "primaryMailboxId", _READ_MAILBOX_ID)
    purpose_value = _value_or_absent(purpose, "userPurpose", _READ_PURPOSE)
    if mailbox_id and purpose_value is not None:
        attributes = {**owner, "mailbox_id": mailbox_id, "purpose": purpose_value or "unknown"}
        mailbox_resource = Resource(ResourceKind.MAILBOX, member.user_id, member.display_name, attributes)
        _add_if_usable(mailbox_resource, f"mailbox of {member.principal_name}", resources, not_covered)
    elif member.licensed or mailbox_id:
        not_covered.append(NotCovered(f"mailbox of {member.principal_name}", "licensed, but it has no mailbox yet"))
    drive_id = _value_or_absent(drive, "id", _READ_DRIVE)
    if drive_id:
        drive_resource = Resource(ResourceKind.DRIVE, drive_id, member.display_name, owner)
        _add_if_usable(drive_resource, f"drive of {member.principal_name}", resources, not_covered)
    elif member.licensed:
        cause = "licensed, but it has no OneDrive yet"
        not_covered.append(NotCovered(f"drive of {member.principal_name}", cause))


def _add_if_usable(resource: Resource, what: str, resources: list[Resource], not_covered: list[NotCovered]) -> None:
    """One odd id must not end the run of everybody else."""
    try:
        check_resource_id(resource.id)
    except InvalidIdError:
        not_covered.append(NotCovered(what, "its id has a form that the service does not know; tell support"))
    else:
        resources.append(resource)


def _value_or_absent(answer: BatchAnswer, name: str, asked: Asked) -> str | None:
    """The asked property; None when there is no such thing. Raises everything else."""
    if answer.is_success:
        return text_of(answer.json_object().get(name))
    error: SourceError = answer.error(asked)
    code = str(error.context.get("code", "")).lower()
    if answer.status == _ABSENT or (code in _ABSENT_CODES and answer.status != 403):
        return None
    if type(error) is SourceError:
        raise SourceUnavailableError(error.message, **error.context) from error
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
