"""How errors are answered and recorded."""

from __future__ import annotations

import json

import azure.functions as func
import pytest

from functions.http import BadRequestError, NotFoundError, answers_problems, first_line
from shared_code import errors


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (errors.LedgerUnavailableError("The ledger does not answer."), 503, "Ledger unavailable"),
        (errors.VaultUnavailableError("The store does not answer."), 503, "Vault unavailable"),
        (errors.ConfigError(["GRAPH_URL is missing"]), 500, "Settings not usable"),
        (errors.InvalidIdError("No such form."), 400, "Invalid id"),
        (errors.RowExistsError("It is there."), 500, "Row exists"),
        (errors.RunInProgressError("One is under way."), 409, "Run in progress"),
        (BadRequestError("Not like this."), 400, "Bad request"),
        (NotFoundError("Nothing here."), 404, "Not found"),
    ],
)
async def test_an_error_is_answered_with_its_status_and_says_what_happened(
    error: errors.BackupError, status: int, title: str
) -> None:
    @answers_problems
    async def handler() -> func.HttpResponse:
        raise error

    response = await handler()
    body = json.loads(response.get_body())
    assert (response.status_code, body["status"], body["title"]) == (status, status, title)
    assert body["detail"] == error.message


async def test_an_unexpected_error_tells_nothing_of_the_inside() -> None:
    @answers_problems
    async def handler() -> func.HttpResponse:
        raise ValueError("secret")

    response = await handler()
    assert response.status_code == 500
    assert b"secret" not in response.get_body()


@pytest.mark.parametrize(
    ("text", "recorded"),
    [("what happened\n  File x.py, line 1", "what happened"), ("", "unknown"), ("x" * 5000, "x" * 1000)],
)
def test_only_the_first_line_of_an_orchestration_error_is_recorded(text: str, recorded: str) -> None:
    assert first_line(Exception(text)) == recorded
