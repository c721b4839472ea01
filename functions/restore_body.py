"""What a client sends to start a restore: body and key, read strictly."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import azure.functions as func

from functions.http import BadRequestError, json_object, moment, string_list
from shared_code.model.restore import ConflictRule, IdempotencyKey, RestoreRequest, Selection, TargetKind
from shared_code.model.snapshot import MOST_SEQ
from shared_code.restore.request_check import MOST_IDS

_E = TypeVar("_E", bound=StrEnum)
_LONGEST_KEY = 100
_MEMBERS: dict[str, type] = {
    "resource": str,
    "seq": int,
    "at": str,
    "selection": dict,
    "target": str,
    "folder_name": str,
    "conflict": str,
}


@dataclass(frozen=True, slots=True)
class RestoreBody:
    """A request as it was sent: ``seq`` or ``at`` says which snapshot is meant."""

    resource_id: str
    seq: int | None
    at: datetime | None
    selection: Selection
    target: TargetKind
    folder_name: str
    conflict: ConflictRule
    key: IdempotencyKey | None

    def request(self, restore_id: str, customer_id: str, seq: int) -> RestoreRequest:
        """The restore of snapshot ``seq`` that this asks for."""
        return RestoreRequest(
            restore_id,
            customer_id,
            self.resource_id,
            seq,
            self.selection,
            self.target,
            self.folder_name,
            self.conflict,
        )


def restore_body(req: func.HttpRequest) -> RestoreBody:
    """Read a request. Raises BadRequestError that says what is expected."""
    body = json_object(req, _MEMBERS)
    if "resource" not in body:
        raise BadRequestError("'resource' is missing: the id of what to restore, as the list of resources shows it.")
    if ("seq" in body) == ("at" in body):
        raise BadRequestError("Give either 'seq' (the number of a snapshot) or 'at' (a time), and not both.")
    if "seq" in body and not 1 <= body["seq"] <= MOST_SEQ:
        raise BadRequestError(f"'seq' is a whole number from 1 to {MOST_SEQ}.")
    return RestoreBody(
        resource_id=body["resource"],
        seq=body.get("seq"),
        at=moment(body["at"], "at") if "at" in body else None,
        selection=_selection(body),
        target=_choice(TargetKind, body.get("target", TargetKind.ORIGINAL), "target"),
        folder_name=body.get("folder_name", ""),
        conflict=_choice(ConflictRule, body.get("conflict", ConflictRule.SKIP), "conflict"),
        key=_key(req, body),
    )


def _key(req: func.HttpRequest, body: dict[str, Any]) -> IdempotencyKey | None:
    """The field of draft-ietf-httpapi-idempotency-key-header-07 (datatracker.ietf.org, October 2025, checked 2026-11).
    It asks for a string in quotes; many clients send none, so quotes are part of the key like anything else."""
    text = req.headers.get("Idempotency-Key")
    if text is None:
        return None
    if not (0 < len(text) <= _LONGEST_KEY and text.isascii() and text.isprintable()):
        raise BadRequestError(f"'Idempotency-Key' is 1 to {_LONGEST_KEY} printable ASCII characters, such as a UUID.")
    asked = hashlib.sha256(json.dumps(body, sort_keys=True).encode("ascii")).hexdigest()
    return IdempotencyKey(text, asked)


def _selection(body: dict[str, Any]) -> Selection:
    given = body.get("selection")
    members = {"everything": bool, "folder_ids": list, "item_ids": list}
    if given is None or any(
        name not in members or not isinstance(value, members[name]) for name, value in given.items()
    ):
        raise BadRequestError(
            '\'selection\' is an object: {"everything": true}, or "folder_ids" and "item_ids" as arrays of ids.'
        )
    return Selection(
        given.get("everything", False),
        string_list(given.get("folder_ids", []), "folder_ids", MOST_IDS),
        string_list(given.get("item_ids", []), "item_ids", MOST_IDS),
    )


def _choice(kind: type[_E], text: str, name: str) -> _E:
    try:
        return kind(text)
    except ValueError as error:
        raise BadRequestError(f"{name!r} is one of: {', '.join(kind)}.") from error
