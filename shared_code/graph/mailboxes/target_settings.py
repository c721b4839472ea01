"""Writing the settings of a mailbox and the rules of its inbox back.

"Update user mailbox settings", "Create rule" and "Update rule" (Graph v1.0 reference, checked 2026-11). There is one
set of settings, so there is nothing beside it: under ``skip`` and ``keep_both`` settings that differ are left alone,
and only ``replace`` makes them what they were. Rules that are missing are made under every rule; one of the same name
that does something else is left alone, kept beside or made what it was. Rules that the snapshot does not know are never
touched. Nothing is switched on twice: what equals is not written.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared_code.errors import AccessDeniedError, BackupError, SourceError, TargetConflictError
from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.mailboxes.settings import (
    canonical,
    folders_of,
    rule_body,
    rule_key,
    rules_of,
    with_folders,
    without_annotations,
    writable_part,
)
from shared_code.graph.odata import text_of
from shared_code.graph.target_outcomes import failed, is_items_own, read_form
from shared_code.model.item import Form, ItemVersion
from shared_code.model.restore import ConflictRule
from shared_code.model.write_back import RestoreItem, WriteState, Written

_PERMISSION = "MailboxSettings.ReadWrite"
_READ = Asked("read mailbox settings", _PERMISSION)
_PATCH = Asked("change mailbox settings", _PERMISSION)
_MAKE = Asked("make an inbox rule", _PERMISSION)
_CHANGE = Asked("change an inbox rule", _PERMISSION)

_RULES = "/mailFolders/inbox/messageRules"

_NOT_A_FOLDERS = "The settings belong to the mailbox itself and not into a folder; restore them to where they were."
_CHANGED = "The settings were changed since; choose replace to have the stored ones."
_RULES_CHANGED = "Rules of the same name do something else now; choose keep_both or replace to have the stored ones."

FolderOf = Callable[[Sequence[ItemVersion]], Awaitable[str]]


@dataclass(slots=True)
class _Present:
    """What the mailbox has now."""

    settings: dict[str, Any]
    rules: list[dict[str, Any]]


@dataclass(slots=True)
class _Outcome:
    """What was done, what was left alone, and what could not be had."""

    written: bool = False
    left_alone: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class MailboxTargetSettings:
    """One mailbox's settings. ``folder_of`` finds or makes the folder at the end of a snapshot's path."""

    def __init__(self, client: GraphClient, user_id: str, folder_of: FolderOf) -> None:
        self._client = client
        self._user_id = user_id
        self._folder_of = folder_of

    async def write(self, item: RestoreItem) -> Written:
        """Write the settings back, read them again and compare. Safe to replay. Raises SourceError for what concerns
        more than this item."""
        try:
            native = await read_form(item, Form.NATIVE)
            stored = json.loads(native)
            return await self._write(item, stored["mailboxSettings"], stored["messageRules"] or [], len(native))
        except AccessDeniedError as error:  # a permission that only settings need must not keep mail from coming back
            return Written(item.id, WriteState.FAILED, error=error.message)
        except BackupError as error:
            return failed(item, error)

    async def _write(
        self, item: RestoreItem, stored: Mapping[str, Any], stored_rules: Sequence[dict[str, Any]], size_bytes: int
    ) -> Written:
        outcome = _Outcome()
        settings = writable_part(stored)
        present = await self._read()
        if not item.to_original:
            missing = _without(stored_rules, present.rules)
            same = _same(settings, present.settings) and not missing
            return Written(item.id, WriteState.EXISTING, item.id) if same else _occupied(item, [_NOT_A_FOLDERS])
        rules = await self._with_folders_of_now(item, stored_rules, present.rules, outcome)
        if not _same(settings, present.settings):
            if item.conflict is ConflictRule.REPLACE:
                await self._client.send_json(self._info("PATCH", "/mailboxSettings"), settings, _PATCH, idempotent=True)
                outcome.written = True
            else:
                outcome.left_alone.append(_CHANGED)
        await self._write_rules(item.conflict, rules, present.rules, outcome)
        if outcome.written:
            after = await self._read()
            if item.conflict is ConflictRule.REPLACE and not _same(settings, after.settings):
                outcome.failures.append("the settings differ from the stored ones")
            wanted = [rule for rule, _ in rules]
            if not outcome.left_alone and not outcome.failures and _without(wanted, after.rules):
                outcome.failures.append("rules differ from the stored ones")
        if outcome.failures:
            error = f"Not all of it is as it was: {'; '.join(dict.fromkeys(outcome.failures))}."
            return Written(item.id, WriteState.DIFFERS, item.id, size_bytes, error)
        if outcome.left_alone:
            return _occupied(item, outcome.left_alone)
        if outcome.written or item.tried_before:
            return Written(item.id, WriteState.RESTORED, item.id, size_bytes)
        return Written(item.id, WriteState.EXISTING, item.id)

    async def _write_rules(
        self,
        conflict: ConflictRule,
        stored: Sequence[tuple[dict[str, Any], dict[str, Any]]],
        present: Sequence[dict[str, Any]],
        outcome: _Outcome,
    ) -> None:
        """``stored``: each rule with the folders of now, and as it was."""
        mapped = [rule for rule, _ in stored]
        wanted = _without(mapped, present)
        others = {text_of(rule.get("displayName")): rule for rule in _without(present, mapped)}
        as_it_was = {rule_key(rule): rule_key(original) for rule, original in stored}
        for rule in wanted:
            if rule.get("isReadOnly"):  # "messageRule resource type", checked 2026-11: REST cannot make such a rule
                outcome.failures.append("a rule that Graph can only read is missing")
                continue
            same_name = others.pop(text_of(rule.get("displayName")), None)
            # The stored rule itself, whose folder is another one by now, is no other rule.
            is_itself = same_name is not None and rule_key(same_name) == as_it_was[rule_key(rule)]
            if same_name is not None and conflict is ConflictRule.SKIP and not is_itself:
                outcome.left_alone.append(_RULES_CHANGED)
                continue
            try:
                if same_name is not None and (is_itself or conflict is ConflictRule.REPLACE):
                    # What the stored one has not is taken away, which a PATCH does with null.
                    gone = dict.fromkeys(name for name in rule_body(same_name) if name not in rule)
                    info = self._info("PATCH", _RULES + "/{rule}", rule=text_of(same_name.get("id")))
                    await self._client.send_json(info, {**gone, **rule_body(rule)}, _CHANGE, idempotent=True)
                else:
                    await self._client.send_json(self._info("POST", _RULES), rule_body(rule), _MAKE)
                outcome.written = True
            except SourceError as error:
                if not is_items_own(error):
                    raise
                outcome.failures.append(f"a rule could not be made ({error.context.get('code', 'refused')})")

    async def _with_folders_of_now(
        self,
        item: RestoreItem,
        rules: Sequence[dict[str, Any]],
        present: Sequence[dict[str, Any]],
        outcome: _Outcome,
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Each rule with the folders of now, and as it was. One whose folder was gone already when it was stored can
        only stay where it is."""
        folder_of: dict[str, str] = {}
        lost: set[str] = set()
        for folder_id in dict.fromkeys(each for rule in rules for each in folders_of(rule)):
            try:
                path = await item.folders_to(folder_id)
                target_id = await self._folder_of(path) if path else ""
            except TargetConflictError:
                target_id = ""
            if target_id:
                folder_of[folder_id] = target_id
            else:
                lost.add(folder_id)
        broken = [rule for rule in rules if lost.intersection(folders_of(rule))]
        missing = _without(broken, present)
        if missing:
            outcome.failures.append(f"{len(missing)} rules name folders that the snapshot does not hold")
        return [(with_folders(rule, folder_of), rule) for rule in rules if rule not in missing]

    async def _read(self) -> _Present:
        infos = [self._info("GET", "/mailboxSettings"), self._info("GET", _RULES)]
        settings, rules = await self._client.batch(infos, _READ)
        if not settings.is_success:
            raise settings.error(_READ)
        if not rules.is_success:
            if rules.status not in (400, 404):
                raise rules.error(_READ)
            return _Present(without_annotations(settings.json_object()), [])
        page = rules.json_object()
        found = rules_of(page)
        if link := text_of(page.get("@odata.nextLink")):
            pages = self._client.get_pages(self._client.link(link), _READ)
            found += [rule async for following in pages for rule in rules_of(following)]
        return _Present(without_annotations(settings.json_object()), found)

    def _info(self, method: str, below: str, **path: str) -> Any:
        return self._client.request(method, "/users/{user}" + below, user=self._user_id, **path)


def _same(wanted: Mapping[str, Any], present: Mapping[str, Any]) -> bool:
    return canonical(wanted) == canonical({name: present.get(name) for name in wanted})


def _without(rules: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of ``rules`` that none of ``others`` is equal to, each of which counts once."""
    left = [rule_key(rule) for rule in others]
    found: list[dict[str, Any]] = []
    for rule in rules:
        key = rule_key(rule)
        if key in left:
            left.remove(key)
        else:
            found.append(rule)
    return found


def _occupied(item: RestoreItem, reasons: Sequence[str]) -> Written:
    return Written(item.id, WriteState.OCCUPIED, item.id, error=" ".join(dict.fromkeys(reasons)))
