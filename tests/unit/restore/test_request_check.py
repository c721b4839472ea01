"""Requests that cannot be meant are refused before anything is read or written."""

from dataclasses import replace

import pytest

from shared_code.errors import BackupError, InvalidIdError, InvalidSelectionError
from shared_code.model.restore import RestoreRequest, Selection, TargetKind
from shared_code.restore.request_check import check_request

MAIL = RestoreRequest("restore-acme-1", "acme", "mailbox.user-1", 1, Selection(everything=True))
DRIVE = replace(MAIL, resource_id="drive.b!abc")


def _into(request: RestoreRequest, name: str) -> RestoreRequest:
    return replace(request, target=TargetKind.FOLDER, folder_name=name)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (replace(MAIL, selection=Selection()), "names nothing"),
        (replace(MAIL, selection=Selection(everything=True, item_ids=("a",))), "excludes"),
        (replace(MAIL, selection=Selection(everything=True, folder_ids=("a",))), "excludes"),
        (replace(MAIL, selection=Selection(item_ids=tuple(f"i{n}" for n in range(1001)))), "at most 1000"),
        (replace(MAIL, selection=Selection(item_ids=("",))), "plain characters"),
        (replace(MAIL, selection=Selection(item_ids=("a\x00",))), "plain characters"),
        (replace(MAIL, selection=Selection(folder_ids=("é",))), "plain characters"),
        (replace(MAIL, selection=Selection(folder_ids=("\ud800",))), "plain characters"),
        (replace(MAIL, selection=Selection(item_ids=("x" * 1025,))), "plain characters"),
        (replace(MAIL, folder_name="Restored"), "goes with target 'folder'"),
        (_into(MAIL, ""), "needs a 'folder_name'"),
        (_into(MAIL, "  "), "needs a 'folder_name'"),
        (_into(MAIL, "a/b"), "no '/'"),
        (_into(MAIL, "../../etc"), "no '/'"),
        (_into(MAIL, "a\nb"), "control characters"),
        (_into(MAIL, "a\x7fb"), "control characters"),
        (_into(MAIL, "a\ud83d"), "broken Unicode"),
        (_into(MAIL, "x" * 256), "at most 255"),
        (_into(MAIL, "😀" * 128), "at most 255"),
        (_into(DRIVE, "é" * 254 + "😀"), "at most 255"),
        (_into(MAIL, "\ud83d" * 300), "at most 255"),
        (_into(DRIVE, "a:b"), "SharePoint takes none of"),
        (_into(DRIVE, 'a"b'), "SharePoint takes none of"),
        (_into(DRIVE, "a\\b"), "SharePoint takes none of"),
        (_into(DRIVE, ".."), "ends with a dot"),
        (_into(DRIVE, "end."), "ends with a dot"),
        (_into(DRIVE, " lead"), "begins or ends with a space"),
        (_into(DRIVE, "CON"), "reserved"),
        (_into(DRIVE, "a_vti_b"), "reserved"),
        (_into(DRIVE, "~$x"), "reserved"),
    ],
)
def test_refusals_say_what_is_expected(request_: RestoreRequest, words: str) -> None:
    with pytest.raises(InvalidSelectionError) as refused:
        check_request(request_)
    assert words in refused.value.message


@pytest.mark.parametrize("resource_id", ["", "mailbox", "mailbox.", "mailbox.a/b", "../x", "mailbox.a%2e"])
def test_a_resource_id_of_another_form_is_refused(resource_id: str) -> None:
    with pytest.raises(InvalidIdError):
        check_request(replace(MAIL, resource_id=resource_id))


@pytest.mark.parametrize(
    "request_",
    [
        MAIL,
        _into(MAIL, ".."),
        _into(MAIL, "a:b?"),
        _into(MAIL, "é" * 255),
        _into(MAIL, "😀" * 127 + "x"),
        _into(DRIVE, "Ünï 😀 (restored)"),
        replace(MAIL, selection=Selection(folder_ids=("f",), item_ids=tuple(f"i{n}" for n in range(999)))),
    ],
)
def test_what_is_allowed_passes(request_: RestoreRequest) -> None:
    try:
        check_request(request_)
    except BackupError as error:
        pytest.fail(error.message)
