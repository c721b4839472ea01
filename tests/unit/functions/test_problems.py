"""How errors are answered and recorded."""

from __future__ import annotations

import json

import azure.functions as func
import pytest

from functions.engine import reason_of
from functions.http import BadRequestError, NotFoundError, answers_problems
from shared_code import errors

BATCH = "Sub-orchestrator function 'backup_batch' failed: it broke"
WORKER = "Result: Failure\nException: NotImmutableError: No WORM here: make one.\nStack:   File x.py, line 1\n"
JSON = json.dumps({"Message": WORKER, "StackTrace": "s"})


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


@pytest.mark.parametrize(
    ("error", "logged"), [(errors.IntegrityError("The record x\ny is bad.", name="x"), 1), (BadRequestError("No."), 0)]
)
async def test_what_is_no_fault_of_the_caller_is_logged_in_one_line(
    error: errors.BackupError, logged: int, caplog: pytest.LogCaptureFixture
) -> None:
    @answers_problems
    async def handler() -> func.HttpResponse:
        raise error

    await handler()
    assert len(caplog.records) == logged
    assert all("IntegrityError" in record.message and "\n" not in record.message for record in caplog.records)


async def test_an_unexpected_error_tells_nothing_of_the_inside() -> None:
    @answers_problems
    async def handler() -> func.HttpResponse:
        raise ValueError("secret")

    response = await handler()
    assert response.status_code == 500
    assert b"secret" not in response.get_body()


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        ("what happened\n  File x.py, line 1", "what happened"),
        ("", "unknown"),
        ("x" * 5000, "x" * 1000),
        ("Activity function 'plan_run' failed: No WORM here.", "No WORM here."),
        ("Activity function 'plan_run' failed:  No WORM here. \n at Stack", "No WORM here."),
        (WORKER, "No WORM here: make one."),
        ("Activity function 'plan_run' failed:  \n " + WORKER, "No WORM here: make one."),
        (f"Activity function 'plan_run' failed:\n{JSON}\n", "No WORM here: make one."),
        ("Activity function 'plan_run' failed: {not JSON", "{not JSON"),
        pytest.param('{"a":' * 100_000, ('{"a":' * 100_000)[:1000], id="deep JSON"),
        (BATCH, BATCH),
    ],
)
def test_the_message_alone_of_an_orchestration_error_is_recorded(text: str, recorded: str) -> None:
    assert reason_of(Exception(text)) == recorded
