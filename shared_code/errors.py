"""Every error that the product raises on purpose.

    BackupError                     message, retryable, context
    |- ConfigError                  every problem at once, at start
    |- InvalidIdError               an id that cannot name blobs and ledger rows
    |- SourceError                  Graph's side
    |  |- ThrottledError            retry_after_s
    |  |- AccessDeniedError         permission
    |  |- SourceUnavailableError    5xx, broken connections, answers that are no answers
    |  |- SourceNotFoundError       the item or the resource is gone
    |  |- SourceContentError        what arrived is not what the source announced (length, hash)
    |  `- CursorExpiredError        list that feed again
    |- VaultError
    |  |- BlobExistsError           create-only write found the name taken
    |  |- BlobNotFoundError
    |  |- BlobLockedError           until
    |  |- VaultUnavailableError     the store did not answer
    |  |  `- VaultBusyError         others look into it, and it was not one's turn in time
    |  |- IntegrityError            never retried, never skipped
    |  |- UnsupportedFormatError
    |  `- NotImmutableError
    |- LedgerError
    |  |- LedgerUnavailableError    the table service did not answer
    |  |- RowExistsError            an insert found the row there
    |  |- CustomerNotFoundError
    |  |- CustomerExistsError
    |  |- CustomerLeftError
    |  |- CustomerErasedError       it has left, and nothing is there any more
    |  |- ResourceNotFoundError     neither the ledger nor the vault knows it
    |  |- HoldNotFoundError
    |  `- RunInProgressError
    `- RestoreError
       |- SnapshotNotFoundError
       |- SnapshotUnreadableError    its record is damaged; says which others can be used
       |- InvalidSelectionError
       |- RestoreInProgressError     an equal one has not ended
       |- RestoreEndedError          too late to cancel it
       |- KeyReusedError             the idempotency key of another request
       `- TargetConflictError

``functions/http.py`` adds two of its own, which stand for an answer alone: BadRequestError and NotFoundError.

Adapters translate once, with ``raise ... from``. A message says what happened, to what, and what to do; it
carries ids only, never content and never secrets.
"""

from __future__ import annotations

from datetime import datetime


class BackupError(Exception):
    """Base of the tree. ``context`` holds ids for logs and answers; ``retryable`` says whether trying the same
    thing later can help."""

    retryable = False

    def __init__(self, message: str, **context: object) -> None:
        super().__init__(message)
        self.message = message
        self.context = context

    def __str__(self) -> str:
        return self.message


class ConfigError(BackupError):
    """The settings are not usable. ``problems`` names every one of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The settings are not usable: " + "; ".join(problems))
        self.problems = problems


class InvalidIdError(BackupError):
    """An id that is not of the form that names blobs and ledger rows."""


class SourceError(BackupError):
    """Graph refused or failed."""


class ThrottledError(SourceError):
    """Graph asks to slow down. ``retry_after_s`` is its own word, or None when it gave none."""

    retryable = True

    def __init__(self, message: str, retry_after_s: float | None = None, **context: object) -> None:
        super().__init__(message, **context)
        self.retry_after_s = retry_after_s


class AccessDeniedError(SourceError):
    """The app lacks a permission. ``permission`` names what to grant, where that is known."""

    def __init__(self, message: str, permission: str | None = None, **context: object) -> None:
        super().__init__(message, **context)
        self.permission = permission


class SourceUnavailableError(SourceError):
    """A 5xx, a broken connection or an unreadable answer, after the retries were used up."""

    retryable = True


class SourceNotFoundError(SourceError):
    """404 for an item or a resource: it is gone."""


class SourceContentError(SourceError):
    """The bytes that arrived are not those that the source announced (length or hash)."""

    retryable = True


class CursorExpiredError(SourceError):
    """The delta cursor is no longer known to Graph: that feed has to be listed again from its start."""


class VaultError(BackupError):
    """The store refused or failed."""


class BlobExistsError(VaultError):
    """A create-only write found the name taken."""


class BlobNotFoundError(VaultError):
    """The blob, or the asked version of it, is not there."""


class BlobLockedError(VaultError):
    """A WORM policy forbids the operation before ``until``."""

    def __init__(self, message: str, until: datetime | None = None, **context: object) -> None:
        super().__init__(message, **context)
        self.until = until


class VaultUnavailableError(VaultError):
    """The store did not answer, or answered 5xx, after its client's retries were used up."""

    retryable = True


class VaultBusyError(VaultUnavailableError):
    """So many look into vaults that it was not the caller's turn in time. Trying again later can help."""


class IntegrityError(VaultError):
    """Stored bytes are not what the catalog says. Never retried, never skipped."""


class UnsupportedFormatError(VaultError):
    """A file of a format version that this release does not read."""


class NotImmutableError(VaultError):
    """The container does not enforce WORM, and this is no local run."""


class LedgerError(BackupError):
    """The ledger refused or failed."""


class LedgerUnavailableError(LedgerError):
    """The table service did not answer as it should. Trying again later can help."""

    retryable = True


class RowExistsError(LedgerError):
    """An insert found the row there."""


class CustomerNotFoundError(LedgerError):
    """No such customer."""


class CustomerExistsError(LedgerError):
    """A customer of that id exists."""


class CustomerLeftError(LedgerError):
    """The customer has left and takes no new backups."""


class CustomerErasedError(LedgerError):
    """The customer has left and everything that it had is gone: its departure cannot be taken back."""


class ResourceNotFoundError(LedgerError):
    """No run and no snapshot ever knew a resource of that id."""


class HoldNotFoundError(LedgerError):
    """No legal hold of that resource for that reason."""


class RunInProgressError(LedgerError):
    """A run of this customer is under way; ``context['run_id']`` names it."""


class RestoreError(BackupError):
    """A restore cannot be done as asked."""


class SnapshotNotFoundError(RestoreError):
    """No snapshot of that resource at or before the asked time, or none of that number."""


class SnapshotUnreadableError(RestoreError):
    """The record of that snapshot is there and cannot be read; the message says which others can be used."""


class RestoreInProgressError(RestoreError):
    """An equal restore has not ended; ``context['restore_id']`` names it."""


class RestoreEndedError(RestoreError):
    """The restore has ended, so there is nothing to cancel."""


class KeyReusedError(RestoreError):
    """The idempotency key was given with another request before."""


class InvalidSelectionError(RestoreError):
    """The selection names nothing, or something that the snapshot does not hold."""


class TargetConflictError(RestoreError):
    """The target of the restore is not usable (missing mailbox, name taken by something else, ...)."""
