"""The settings of one mailbox: automatic replies, time zone, language, working hours, and the rules of its inbox.

Sources: api-reference/v1.0 pages user-update-mailboxsettings, mailfolder-list-messagerules, messagerule-update,
resources messageRule and messageRuleActions (checked 2026-11).
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable

from local.tenant.answers import GraphError, Json, bad_request

WRITABLE = (
    "automaticRepliesSetting",
    "dateFormat",
    "delegateMeetingMessageDeliveryOptions",
    "language",
    "timeFormat",
    "timeZone",
    "workingHours",
)
_RULE_FIELDS = ("displayName", "sequence", "isEnabled", "conditions", "actions", "exceptions")
_FOLDER_ACTIONS = ("moveToFolder", "copyToFolder")


def first_settings(language: str) -> Json:
    """What a new mailbox begins with."""
    return {
        "automaticRepliesSetting": {
            "status": "disabled",
            "externalAudience": "all",
            "internalReplyMessage": "",
            "externalReplyMessage": "",
            "scheduledStartDateTime": {"dateTime": "2026-01-01T08:00:00.0000000", "timeZone": "UTC"},
            "scheduledEndDateTime": {"dateTime": "2026-01-02T08:00:00.0000000", "timeZone": "UTC"},
        },
        "timeZone": "W. Europe Standard Time",
        "dateFormat": "yyyy-MM-dd",
        "timeFormat": "HH:mm",
        "delegateMeetingMessageDeliveryOptions": "sendToDelegateOnly",
        "language": {"locale": language, "displayName": language},
        "workingHours": {
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
            "startTime": "08:00:00.0000000",
            "endTime": "17:00:00.0000000",
            "timeZone": {"name": "W. Europe Standard Time"},
        },
    }


class MailboxSettings:
    """Settings and rules. Rules keep folder ids as they were given: a folder that goes leaves a rule with an error."""

    def __init__(self, language: str) -> None:
        self.values = first_settings(language)
        self._rules: dict[str, Json] = {}
        self._next_rule = 1

    def change(self, body: Json) -> None:
        """Take over what a PATCH names, complex values property by property. Raises what Graph answers."""
        for name, value in body.items():
            if name.startswith("@"):
                continue
            if name not in WRITABLE:
                raise bad_request(f"The property '{name}' is read-only.", "ErrorInvalidProperty")
            known = self.values[name]
            if isinstance(known, dict):
                if not isinstance(value, dict):
                    raise bad_request(f"The property '{name}' has a wrong type.", "ErrorInvalidRequest")
                given = {key: each for key, each in value.items() if not key.startswith("@")}
                self.values[name] = {**known, **copy.deepcopy(given)}
            else:
                self.values[name] = value

    def rules(self) -> list[Json]:
        """All rules in the order in which they are applied."""
        return sorted(self._rules.values(), key=lambda rule: (rule["sequence"], rule["id"]))

    def rule(self, rule_id: str) -> Json:
        """Return one rule. Raises 404."""
        found = self._rules.get(rule_id)
        if found is None:
            raise GraphError(404, "ErrorItemNotFound", "The rule was not found.")
        return found

    def add_rule(self, body: Json, folder_exists: Callable[[str], bool]) -> Json:
        """Make a rule. Raises what Graph answers for one without a name, without actions, or into no folder."""
        name = body.get("displayName")
        if not isinstance(name, str) or not name.strip():
            raise bad_request("A rule needs a display name.", "ErrorInvalidRequest")
        if not isinstance(body.get("actions"), dict) or not body["actions"]:
            raise bad_request("A rule needs an action.", "ErrorInvalidRequest")
        _check_folders(body, folder_exists)
        rule_id = base64.b64encode(b"\x01\x00\x00\x00" + self._next_rule.to_bytes(4, "big")).decode("ascii")
        self._next_rule += 1
        rule: Json = {
            "id": rule_id,
            "displayName": name,
            "sequence": int(body.get("sequence") or 1 + len(self._rules)),
            "isEnabled": bool(body.get("isEnabled", True)),
            "hasError": False,
            "isReadOnly": bool(body.get("isReadOnly", False)),
        }
        rule |= {part: copy.deepcopy(body[part]) for part in ("conditions", "actions", "exceptions") if body.get(part)}
        self._rules[rule_id] = rule
        return rule

    def change_rule(self, rule_id: str, body: Json, folder_exists: Callable[[str], bool]) -> Json:
        """Take over what a PATCH of a rule names. Raises what Graph answers."""
        rule = self.rule(rule_id)
        if rule["isReadOnly"]:
            raise bad_request("The rule is read-only.", "ErrorInvalidRequest")
        _check_folders(body, folder_exists)
        for name in _RULE_FIELDS:
            if body.get(name) is not None:
                rule[name] = copy.deepcopy(body[name])
            elif name in body:
                rule.pop(name, None)
        return rule

    def delete_rule(self, rule_id: str) -> None:
        """Remove a rule. Raises 404."""
        del self._rules[self.rule(rule_id)["id"]]


def rule_json(rule: Json, folder_exists: Callable[[str], bool]) -> Json:
    """Return a messageRule; one whose folder is gone has an error."""
    return {**copy.deepcopy(rule), "hasError": not all(folder_exists(key) for key in folders_of(rule))}


def folders_of(rule: Json) -> list[str]:
    """Ids of the folders that a rule's actions name."""
    actions = rule.get("actions") or {}
    return [str(actions[name]) for name in _FOLDER_ACTIONS if actions.get(name)]


def with_folder_names(rule: Json, name_of: Callable[[str], str]) -> Json:
    """Return a rule without ids: folders by their names, nothing that the service works out by itself."""
    told = {name: copy.deepcopy(rule[name]) for name in _RULE_FIELDS if name in rule}
    for name in _FOLDER_ACTIONS:
        if told["actions"].get(name):
            told["actions"][name] = name_of(told["actions"][name])
    return told


def _check_folders(body: Json, folder_exists: Callable[[str], bool]) -> None:
    if not all(folder_exists(key) for key in folders_of(body)):
        raise bad_request("The folder id of a rule names no folder.", "ErrorInvalidFolderId")
