"""Headers of messages, sound, odd and broken."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_code.graph.mailboxes.headers import MAX_TEXT, MailHeaders, read_headers

REAL_MAIL = Path(__file__).parents[3] / "../shared/data/mail"


def check_bounds(headers: MailHeaders) -> None:
    for text in (headers.subject, headers.sender, headers.message_id):
        assert len(text) <= MAX_TEXT
        assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in text)
        text.encode("utf-8")
    assert headers.time is None or headers.time.tzinfo is UTC


def test_an_ordinary_message() -> None:
    mime = (
        b"Received: from x\r\n\tby y\r\nSubject: Re: =?iso-8859-1?q?Gr=FC=DFe?=\r\n =?utf-8?b?IGF1cyBLw7Zsbg==?=\r\n"
        b'From: "Lovelace, Ada" <ada@example.com>\r\nMessage-Id: <1@example.com>\r\n'
        b"Date: Fri, 20 Nov 2026 10:00:00 +0100 (CET)\r\n\r\nSubject: not this\r\n"
    )
    assert read_headers(mime) == MailHeaders(
        "Re: Grüße aus Köln",
        "Lovelace, Ada <ada@example.com>",
        datetime(2026, 11, 20, 9, tzinfo=UTC),
        "<1@example.com>",
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"Subject: plain", "plain"),
        (b"SUBJECT : spaced", "spaced"),
        (b"Subject: one\r\nSubject: two", "one"),
        (b"Subject: r\xc3\xa4w", "räw"),
        (b"Subject: r\xe4w", "räw"),
        (b"Subject: =?unknown?q?x=41?=", "xA"),
        (b"Subject: =?utf-8?b?!!!?=", "=?utf-8?b?!!!?="),
        (b"Subject: =?utf-8?q?=00=1b[31m?=", "[31m"),
        (b"Subject: =?utf-8?q?a=0d=0aBcc:_x?=", "a Bcc: x"),
        (b"Subject: =?unicode_escape?q?a=5Cq?=", "a\\q"),
        (b"Subject:", ""),
        (b"Subjects: no", ""),
        (b"Subject: " + b"x" * 5000, "x" * MAX_TEXT),
    ],
)
def test_subjects(line: bytes, expected: str) -> None:
    headers = read_headers(line + b"\r\n\r\nbody")
    check_bounds(headers)
    assert headers.subject == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"From: ada@example.com", "ada@example.com"),
        (b"From: =?utf-8?q?J=C3=B6rg?= <j@example.com>", "Jörg <j@example.com>"),
        (b"Sender: post@example.com", "post@example.com"),
        (b"From: undisclosed", "undisclosed"),
        (b"From: " + b"(" * 3000, "(" * MAX_TEXT),
    ],
)
def test_senders(line: bytes, expected: str) -> None:
    headers = read_headers(line + b"\n\nbody")
    check_bounds(headers)
    assert headers.sender == expected


@pytest.mark.parametrize(
    "date", [b"", b"yesterday", b"32 Jan 2026 10:00", b"Fri, 31 Dec 9999 23:59:00 -2359", b"9" * 500]
)
def test_impossible_dates_are_none(date: bytes) -> None:
    assert read_headers(b"Date: " + date + b"\n\n").time is None


@given(st.binary(max_size=600))
def test_any_bytes_are_read(mime: bytes) -> None:
    check_bounds(read_headers(mime))
    check_bounds(read_headers(b"Subject: =?utf-8?q?" + mime + b"?=\nFrom: " + mime + b"\nDate: " + mime))


@given(
    st.text(max_size=200),
    st.sampled_from(["utf-8", "punycode", "idna", "utf-7", "unicode_escape", "hex", "cp037"]),
)
def test_any_charset_is_read(text: str, charset: str) -> None:
    word = text.encode("utf-8", "replace").hex("=").upper()
    check_bounds(read_headers(f"Subject: =?{charset}?q?={word}?=\r\n\r\n".encode()))


def test_a_huge_header_block_takes_no_time_or_memory() -> None:
    check_bounds(read_headers(b"Subject: " + b"=?utf-8?q?a?= " * 500_000))
    check_bounds(read_headers(b"From: a\n" + b" x\n" * 500_000))


@pytest.mark.skipif(not REAL_MAIL.is_dir(), reason="the shared test data is not beside the project")
def test_real_messages() -> None:
    found = [read_headers(path.read_bytes()) for path in sorted(REAL_MAIL.glob("*.eml"))]
    for headers in found:
        check_bounds(headers)
    assert len(found) > 300
    assert sum(not headers.sender for headers in found) <= 2
    assert sum(headers.time is None for headers in found) <= 8
    assert any("まみむめも" in headers.subject for headers in found)
