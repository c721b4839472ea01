"""The settings of a mailbox and the rules of its inbox, as one item of kind MAILBOX_SETTINGS. Pure.

Graph has no delta for them, so they are read whole each time ("user: get mailboxSettings", "mailFolder: list
messageRules", Graph v1.0 reference, checked 2026-11): two questions that travel in the batch that asks for changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from shared_code.graph.odata import size_of, text_of, values_of
from shared_code.model.item import Change, ItemKind

SETTINGS_FEED = "settings"
SETTINGS_ID = "mailbox-settings"
SETTINGS_NAME = "Mailbox settings"
PERMISSION = "MailboxSettings.Read"

# What PATCH takes ("Update user mailbox settings", checked 2026-11). The rest is told and cannot be set.
WRITABLE = (
    "automaticRepliesSetting",
    "dateFormat",
    "delegateMeetingMessageDeliveryOptions",
    "language",
    "timeFormat",
    "timeZone",
    "workingHours",
)
# Whose mailbox it is belongs to the directory, not to the settings that its owner makes.
_LEFT_OUT = frozenset({"userPurpose"})
# What the service works out by itself, and an id that a rule made anew does not keep.
_RULE_OWN = frozenset({"id", "hasError", "isReadOnly"})
_FOLDER_ACTIONS = ("moveToFolder", "copyToFolder")


def settings_content(settings: Mapping[str, Any], rules: Sequence[Mapping[str, Any]] | None) -> bytes:
    """The stored form: canonical JSON of what two answers say. ``rules`` None: this mailbox has no inbox rules."""
    kept = {name: value for name, value in without_annotations(settings).items() if name not in _LEFT_OUT}
    content = {
        "mailboxSettings": kept,
        "messageRules": None if rules is None else sorted(map(without_annotations, rules), key=_place),
    }
    return canonical(content)


def settings_change(content: bytes) -> Change:
    """The item; its etag changes with anything that somebody can set."""
    value = json.loads(content)
    rules = value["messageRules"]
    significant = {**value, "messageRules": None if rules is None else [_significant(rule) for rule in rules]}
    return Change(
        SETTINGS_ID,
        ItemKind.MAILBOX_SETTINGS,
        name=SETTINGS_NAME,
        size_bytes=len(content),
        etag=hashlib.sha256(canonical(significant)).hexdigest()[:32],
    )


def rule_body(rule: Mapping[str, Any]) -> dict[str, Any]:
    """What to send to have a rule made that is like this one."""
    return {name: value for name, value in rule.items() if name not in _RULE_OWN and value is not None}


def rule_key(rule: Mapping[str, Any]) -> bytes:
    """The same for two rules that do the same: everything but ids, errors and their place in the order, which the
    service numbers anew."""
    return canonical({name: value for name, value in rule_body(rule).items() if name != "sequence"})


def folders_of(rule: Mapping[str, Any]) -> list[str]:
    """Ids of the folders that a rule moves or copies to."""
    actions = rule.get("actions")
    found = [text_of(actions.get(name)) for name in _FOLDER_ACTIONS] if isinstance(actions, Mapping) else []
    return [folder_id for folder_id in found if folder_id]


def with_folders(rule: Mapping[str, Any], folder_of: Mapping[str, str]) -> dict[str, Any]:
    """The rule with other folders: id -> id."""
    actions = rule.get("actions")
    if not isinstance(actions, Mapping):
        return dict(rule)
    moved = {name: folder_of[actions[name]] for name in _FOLDER_ACTIONS if actions.get(name) in folder_of}
    return {**rule, "actions": {**actions, **moved}}


def writable_part(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What of the settings can be set."""
    return {name: settings[name] for name in WRITABLE if settings.get(name) is not None}


def rules_of(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rules in an answer, without annotations."""
    return [without_annotations(rule) for rule in values_of(page)]


def without_annotations(value: Any) -> Any:
    """JSON without OData's annotations, except for the types that tell one complex value from another."""
    if isinstance(value, Mapping):
        return {
            name: without_annotations(each)
            for name, each in value.items()
            if name == "@odata.type" or "@odata." not in str(name)
        }
    return [without_annotations(each) for each in value] if isinstance(value, list) else value


def canonical(value: Any) -> bytes:
    """The same bytes for the same JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _place(rule: Mapping[str, Any]) -> tuple[int, str]:
    return size_of(rule.get("sequence")), text_of(rule.get("id"))


def _significant(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if name != "hasError"}
