"""One restore for one wish: a request that is sent again finds the restore that it has begun.

Two claims in the ledger, each a row that one caller alone can insert or exchange:

- the request itself (customer, resource, snapshot, selection, target, rule) names the last restore of it. As long as
  that has not ended nobody begins another; once it has, one caller takes the claim over.
- an idempotency key names the restore of its request for good.

The claim is there before the record, and the record before anything runs. Who finds a claim without a record (its
caller died in between, or is about to write it) writes the record in its place: both mean the same restore, whose id is
that of its orchestration, too, so that it runs once.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from shared_code.errors import KeyReusedError, RestoreInProgressError
from shared_code.model.restore import IdempotencyKey, Restore, RestoreClaim, RestoreRequest, RestoreState
from shared_code.restore.ports import RestoreJournal


def request_claim(request: RestoreRequest) -> str:
    """Name of the claim of a request: the same for requests that ask for the same, in whatever order of ids."""
    asked = request.to_json()
    del asked["id"]
    for name in ("folder_ids", "item_ids"):
        asked["selection"][name] = sorted(set(asked["selection"][name]))
    return f"request.{hashlib.sha256(json.dumps(asked, sort_keys=True).encode('ascii')).hexdigest()}"


def key_claim(key: IdempotencyKey) -> str:
    """Name of the claim of a key."""
    return f"key.{hashlib.sha256(key.text.encode()).hexdigest()}"


async def restore_of_key(journal: RestoreJournal, customer_id: str, key: IdempotencyKey) -> Restore | None:
    """The restore that a request with this key has begun. Raises KeyReusedError when that one asked for something
    else."""
    claim = await journal.claimed(customer_id, key_claim(key))
    if claim is None:
        return None
    _check_asked(claim, key)
    return await journal.get(customer_id, claim.restore_id)


async def record_once(journal: RestoreJournal, restore: Restore, key: IdempotencyKey | None) -> Restore:
    """Record a restore, unless there is one for the same wish. Returns the record, which has another id where an
    earlier request with this key claimed that; it may have ended, where somebody was faster.

    Safe to replay. Raises RestoreInProgressError while an equal one has not ended, and KeyReusedError.
    """
    if key is not None:
        restore = await _as_of_key(journal, restore, key)
    request, own = restore.request, RestoreClaim(restore.request.id)
    name = request_claim(request)
    held = await journal.claim(request.customer_id, name, own)
    while held != own:
        other = await journal.create(replace(restore, request=replace(request, id=held.restore_id)))
        if other.state is RestoreState.RUNNING:
            raise RestoreInProgressError(
                f"The restore {held.restore_id} does the same and has not ended. Follow that one, or cancel it "
                "before you ask again.",
                restore_id=held.restore_id,
            )
        held = await journal.take_over(request.customer_id, name, held, own)
    return await journal.create(restore)


async def _as_of_key(journal: RestoreJournal, restore: Restore, key: IdempotencyKey) -> Restore:
    request = restore.request
    claim = await journal.claim(request.customer_id, key_claim(key), RestoreClaim(request.id, key.asked))
    _check_asked(claim, key)
    return replace(restore, request=replace(request, id=claim.restore_id))


def _check_asked(claim: RestoreClaim, key: IdempotencyKey) -> None:
    if claim.asked != key.asked:
        raise KeyReusedError(
            "That 'Idempotency-Key' came with another request before. Take a new key for a new restore, and the same "
            "body for the same one.",
            restore_id=claim.restore_id,
        )
