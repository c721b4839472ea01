"""Giving restored files and folders back to those who had access to them.

"driveItem: invite" with ``sendInvitation: false`` and "driveItem: createLink" (Graph v1.0 reference, checked 2026-11);
both answer with the permission that is there when it is there already, so that a replay doubles nothing. Nobody's
access is taken away, and nothing is shared that is restored into a folder of its own: a copy for looking at is nobody
else's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shared_code.graph.answer import Asked
from shared_code.graph.client import GraphClient
from shared_code.graph.drives.permissions import (
    NEW_ADDRESS,
    PERMISSIONS,
    REFUSED,
    UNREAD,
    WERE_UNREAD,
    SharingPlan,
    note_of,
    owners,
    sharing_plan,
    stored_permissions,
)
from shared_code.graph.whole_collections import all_values
from shared_code.model.item import Change

PERMISSION = "Files.ReadWrite.All"
NOT_SHARED = "It was shared; what is restored into a folder of its own is not shared anew."
_STOOD_BEFORE = 200
_LEFT_OPEN = "Its permissions could not be read at the target, and were not restored."


class DriveTargetSharing:
    """Restores permissions in one drive."""

    def __init__(self, client: GraphClient, drive_id: str) -> None:
        self._client = client
        self._drive_id = drive_id

    async def restore(self, stored: Mapping[str, Change]) -> dict[str, str]:
        """Give these items (target id -> what is stored) their permissions. Returns a note for each item of which not
        everything came back as it was. Safe to replay. Raises SourceError when the drive is out of reach."""
        notes = {key: WERE_UNREAD for key, change in stored.items() if change.properties.get(UNREAD)}
        shared = {key: change for key, change in stored.items() if change.properties.get(PERMISSIONS)}
        plans: dict[str, SharingPlan] = {}
        asked = Asked("read the permissions of restored files", PERMISSION)
        answers = await self._client.batch([self._permissions(key) for key in shared], asked) if shared else []
        for (key, change), answer in zip(shared.items(), answers, strict=True):
            if answer.is_success:
                values = await all_values(self._client, answer, asked)
                known = change.properties[PERMISSIONS]
                plans[key] = sharing_plan(known, stored_permissions(values), owners(values))
            else:
                notes[key] = _LEFT_OPEN
        await self._carry_out(plans)
        return notes | {key: note for key, plan in plans.items() if (note := note_of(plan.notes))}

    async def _carry_out(self, plans: Mapping[str, SharingPlan]) -> None:
        wanted = [(plan, key, action, body) for key, plan in plans.items() for action, body in plan.requests]
        if not wanted:
            return
        infos = [self._post(key, action, body) for _, key, action, body in wanted]
        answers = await self._client.batch(infos, Asked("restore permissions of files", PERMISSION))
        for (plan, _, action, _), answer in zip(wanted, answers, strict=True):
            if not answer.is_success:
                plan.notes[REFUSED] += 1
            elif action == "createLink" and answer.status != _STOOD_BEFORE:
                plan.notes[NEW_ADDRESS] += 1

    def _permissions(self, item_id: str) -> Any:
        drive = self._client.graph.drives.by_drive_id(self._drive_id)
        return drive.items.by_drive_item_id(item_id).permissions.to_get_request_information()

    def _post(self, item_id: str, action: str, body: Mapping[str, Any]) -> Any:
        template = "/drives/{drive}/items/{item}/" + action
        info = self._client.request("POST", template, drive=self._drive_id, item=item_id)
        info.content = json.dumps(body).encode()
        return info


def is_shared(change: Change) -> bool:
    """Whether there is something to restore, or to tell, of an item's sharing."""
    return bool(change.properties.get(PERMISSIONS) or change.properties.get(UNREAD))


def joined(*notes: str) -> str:
    """Several notes as one text; unused ones are empty."""
    return " ".join(note for note in notes if note)
