"""The product's code has no way to chats: no builder of theirs, no path to them, no permission for them."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PRODUCT = (*sorted((ROOT / "shared_code").rglob("*.py")), *sorted((ROOT / "functions").rglob("*.py")))
# ``chats`` and ``by_chat_id`` are builders of msgraph-sdk; messages of channels are read by ``by_chat_message_id``.
_NAME = re.compile(r"(chats?|(by_)?chat_id1?|.*_chats?|chats_.*)", re.IGNORECASE)
_TEXT = re.compile(r"/chats?\b|\bchats?/|\bChat(Message|Member|Settings)?\.|\bchats\b", re.IGNORECASE)

_TEXTS = (tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING))  # the latter from Python 3.12


def ways_to_chats(path: Path) -> Iterator[str]:
    """Names and texts of a file that lead to chats; comments, and texts that are lines by themselves, do not."""
    begins_line = True
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.NAME and _NAME.fullmatch(token.string):
                yield f"{path.name}:{token.start[0]} {token.string}"
            if token.type in _TEXTS and not begins_line and _TEXT.search(token.string):
                yield f"{path.name}:{token.start[0]} {token.string}"
            if token.type not in (tokenize.COMMENT, tokenize.NL):
                begins_line = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)


def test_the_product_has_no_way_to_chats() -> None:
    files = (ROOT / "function_app.py", *PRODUCT)
    assert len(files) > 100
    assert [way for path in files for way in ways_to_chats(path)] == []


@pytest.mark.parametrize(
    "line",
    [
        "client.graph.chats.get()",
        "client.graph.users.by_user_id(user).chats.to_get_request_information()",
        "builder.by_chat_id(key)",
        "builder.get_all_chats()",
        "client.graph.users.by_user_id(user).teamwork.installed_apps.by_id(app).chat",
        "client.request('GET', '/users/{user}/chats')",
        "client.request('GET', f'/chats/{key}/messages')",
        "PERMISSION = 'Chat.Read.All'",
        "PERMISSION = 'ChatMessage.Read.All'",
        "from msgraph.generated.chats import chats_request_builder",
    ],
)
def test_a_way_to_chats_is_found(line: str, tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text(f'"""No chats here."""\n# no chats\nx = 1\n{line}\n')
    assert list(ways_to_chats(source))


def test_messages_of_channels_are_no_chats(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text(
        '"""Not /chats."""\nmessages.by_chat_message_id(key).hosted_contents\nREAD = "ChannelMessage.Read.All"\n'
    )
    assert list(ways_to_chats(source)) == []
