"""What every HTTP trigger shares: reading requests strictly, and answering errors as RFC 9457 problem+json."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Any, ParamSpec

import azure.functions as func

from shared_code import errors
from shared_code.model.item import parse_time

MAX_BODY_BYTES = 256 * 1024
_KEY_PARAMETER = "code"
_log = logging.getLogger(__name__)
_P = ParamSpec("_P")

# The first match wins, so the narrower classes stand first.
_STATUS: tuple[tuple[type[errors.BackupError], HTTPStatus], ...] = (
    (errors.InvalidIdError, HTTPStatus.BAD_REQUEST),
    (errors.InvalidSelectionError, HTTPStatus.BAD_REQUEST),
    (errors.CustomerNotFoundError, HTTPStatus.NOT_FOUND),
    (errors.ResourceNotFoundError, HTTPStatus.NOT_FOUND),
    (errors.HoldNotFoundError, HTTPStatus.NOT_FOUND),
    (errors.SnapshotNotFoundError, HTTPStatus.NOT_FOUND),
    (errors.CustomerExistsError, HTTPStatus.CONFLICT),
    (errors.CustomerLeftError, HTTPStatus.CONFLICT),
    (errors.CustomerErasedError, HTTPStatus.CONFLICT),
    (errors.RunInProgressError, HTTPStatus.CONFLICT),
    (errors.SnapshotUnreadableError, HTTPStatus.CONFLICT),
    (errors.RestoreInProgressError, HTTPStatus.CONFLICT),
    (errors.RestoreEndedError, HTTPStatus.CONFLICT),
    (errors.KeyReusedError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.TargetConflictError, HTTPStatus.CONFLICT),
    (errors.ThrottledError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.SourceUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.VaultUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.LedgerUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.SourceError, HTTPStatus.BAD_GATEWAY),
)


class BadRequestError(errors.BackupError):
    """The request cannot be understood; the message says what is expected."""


class NotFoundError(errors.BackupError):
    """Nothing of that name; the message says where to look."""


def store_warnings(immutable: bool | None) -> list[str]:
    """What every report says of a store that lets backups be deleted; None: there is no store yet."""
    if immutable is not False:
        return []
    return ["NOT IMMUTABLE: this store does not enforce WORM, so backups in it can be deleted. For local runs alone."]


def answers_problems(
    handler: Callable[_P, Awaitable[func.HttpResponse]],
) -> Callable[_P, Awaitable[func.HttpResponse]]:
    """Turn the errors of a handler into problem+json. What is no fault of the caller is logged; what is not even a
    BackupError is answered as a 500 that tells nothing of the inside."""

    @wraps(handler)
    async def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> func.HttpResponse:
        try:
            return await handler(*args, **kwargs)
        except errors.BackupError as error:
            status = _status_of(error)
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                _log.error("%s: %s %r %r", handler.__name__, type(error).__name__, error.message, error.context)
            return problem(status, _title_of(error), error.message)
        except Exception:  # noqa: BLE001 - the boundary of the trigger
            _log.exception("unexpected error in %s", handler.__name__)
            return problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "Internal error",
                "Something went wrong here. Try again; if it stays, give support the time of this answer.",
            )

    return wrapped


def _status_of(error: errors.BackupError) -> HTTPStatus:
    if isinstance(error, BadRequestError):
        return HTTPStatus.BAD_REQUEST
    if isinstance(error, NotFoundError):
        return HTTPStatus.NOT_FOUND
    return next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


def _title_of(error: errors.BackupError) -> str:
    if isinstance(error, errors.ConfigError):
        return "Settings not usable"
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(error).__name__)
    return words.removesuffix(" error").strip().capitalize()


def problem(
    status: HTTPStatus,
    title: str,
    detail: str,
    *,
    more: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> func.HttpResponse:
    """An RFC 9457 answer; ``more`` are members of its own."""
    body = {"type": "about:blank", "title": title, "status": int(status), "detail": detail, **(more or {})}
    return func.HttpResponse(
        json.dumps(body),
        status_code=int(status),
        mimetype="application/problem+json",
        charset="utf-8",
        headers=headers,
    )


def answer(body: Any, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer. ASCII, so that any string of a tenant survives, broken Unicode included."""
    return func.HttpResponse(
        json.dumps(body),
        status_code=int(status),
        mimetype="application/json",
        charset="utf-8",
        headers=headers,
    )


def json_object(req: func.HttpRequest, allowed: dict[str, type]) -> dict[str, Any]:
    """The body as an object with only these members, each of its type. Raises BadRequestError naming the
    first one that is wrong."""
    raw = req.get_body()
    if len(raw) > MAX_BODY_BYTES:
        raise BadRequestError(f"The body is larger than {MAX_BODY_BYTES} bytes.")
    try:
        body = json.loads(raw or b"{}")
    except (ValueError, RecursionError) as error:
        raise BadRequestError("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise BadRequestError("The body is a JSON object.")
    for name, value in body.items():
        if name not in allowed:
            there_are = f"there are: {', '.join(sorted(allowed))}" if allowed else "this address takes none"
            raise BadRequestError(f"Unknown member {name[:40]!r}; {there_are}.")
        if not isinstance(value, allowed[name]) or (allowed[name] is int and isinstance(value, bool)):
            raise BadRequestError(f"{name!r} is a JSON {_JSON_NAMES[allowed[name]]}.")
    return body


_JSON_NAMES: dict[type, str] = {
    str: "string",
    int: "whole number",
    bool: "true or false",
    dict: "object",
    list: "array",
}


def string_list(value: list[Any], name: str, most: int) -> tuple[str, ...]:
    """``value`` as strings, at most ``most`` of them. Raises BadRequestError."""
    if len(value) > most or not all(isinstance(entry, str) and entry for entry in value):
        raise BadRequestError(f"{name!r} is an array of at most {most} strings that are not empty.")
    return tuple(value)


def only_query(req: func.HttpRequest, *known: str) -> None:
    """Refuse a query parameter that this address does not know: one that is misspelt would be as if it were not there.
    Raises BadRequestError. A function key may come as ``code`` ("Work with access keys in Azure Functions",
    learn.microsoft.com/azure/azure-functions/function-keys-how-to, checked 2026-11)."""
    for name in req.params:
        if name not in (*known, _KEY_PARAMETER):
            there_are = f"there are: {', '.join(known)}" if known else "this address takes none"
            raise BadRequestError(f"Unknown query parameter {name[:40]!r}; {there_are}.")


def whole_number(text: str, name: str, least: int, most: int) -> int:
    """A number of a path or query. Raises BadRequestError."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and least <= int(text) <= most):
        raise BadRequestError(f"{name!r} is a whole number from {least} to {most}.")
    return int(text)


def moment(text: str, name: str) -> datetime:
    """An RFC 3339 time with a zone. Raises BadRequestError."""
    try:
        return parse_time(text)
    except (ValueError, OverflowError) as error:
        raise BadRequestError(f"{name!r} is a time with a zone, for example 2026-01-31T08:00:00Z.") from error
