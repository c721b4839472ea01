"""Faults by rule: what a matching request gets instead of, or besides, its answer."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Any

_MATCH_KEYS = {"method", "path_regex", "tenant", "operation"}
_ACTION_KEYS = {
    "status",
    "code",
    "message",
    "inner_code",
    "headers",
    "retry_after_s",
    "delay_s",
    "cut_after_bytes",
    "corrupt_bytes",
    "truncate",
}


@dataclass(frozen=True, slots=True)
class FaultAction:
    """What happens. `truncate` is the number of bytes after which the body ends while the answer looks whole;
    `cut_after_bytes` breaks the connection; `corrupt_bytes` flips that many bytes of the body."""

    status: int | None = None
    code: str | None = None
    message: str | None = None
    inner_code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    retry_after_s: float | None = None
    delay_s: float = 0.0
    cut_after_bytes: int | None = None
    corrupt_bytes: int = 0
    truncate: int | None = None


@dataclass(slots=True)
class FaultRule:
    """One rule with what is left of its `times` and `skip`."""

    rule_id: int
    method: str | None
    path: re.Pattern[str] | None
    tenant: str | None
    operation: str | None
    action: FaultAction
    times: int | None
    skip: int
    probability: float
    hits: int = 0

    def matches(self, method: str, path: str, tenant: str, operation: str) -> bool:
        """Whether the request is one that the rule is about. An operation may end with `*`."""
        if self.method and self.method != method:
            return False
        if self.tenant and self.tenant != tenant:
            return False
        if self.operation:
            wanted = self.operation
            if not (operation.startswith(wanted[:-1]) if wanted.endswith("*") else operation == wanted):
                return False
        return not (self.path and not self.path.search(path))


class FaultRules:
    """All rules, tried oldest first; the first that fires wins. Chance comes from a generator that can be seeded."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._next_id = 1
        self.random = random.Random(0)

    def __len__(self) -> int:
        return len(self._rules)

    def add(self, spec: dict[str, Any]) -> int:
        """Add a rule as the control interface describes it and return its id. Raises ValueError."""
        match, action = spec.get("match") or {}, dict(spec.get("action") or {})
        unknown = (set(match) - _MATCH_KEYS) | (set(action) - _ACTION_KEYS)
        if unknown or not action:
            raise ValueError(f"a fault needs an action and knows no {sorted(unknown)}")
        if action.get("truncate") is True:
            action["truncate"] = 0
        if "seed" in spec:
            self.random.seed(spec["seed"])
        rule = FaultRule(
            rule_id=self._next_id,
            method=match.get("method"),
            path=re.compile(match["path_regex"]) if match.get("path_regex") else None,
            tenant=match.get("tenant"),
            operation=match.get("operation"),
            action=FaultAction(**action),
            times=spec.get("times"),
            skip=int(spec.get("skip") or 0),
            probability=float(spec.get("probability", 1.0)),
        )
        self._rules.append(rule)
        self._next_id += 1
        return rule.rule_id

    def remove(self, rule_id: int | None = None) -> int:
        """Remove one rule, or all; return how many times the removed ones fired."""
        gone = [rule for rule in self._rules if rule_id in (None, rule.rule_id)]
        self._rules = [rule for rule in self._rules if rule not in gone]
        return sum(rule.hits for rule in gone)

    def hits(self) -> dict[int, int]:
        """Return how often each present rule fired."""
        return {rule.rule_id: rule.hits for rule in self._rules}

    def pick(self, method: str, path: str, tenant: str, operation: str) -> FaultAction | None:
        """Return what happens to this request, if anything, and count it."""
        for rule in self._rules:
            if not rule.matches(method, path, tenant, operation):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            if rule.times is not None and rule.hits >= rule.times:
                continue
            if rule.probability < 1.0 and self.random.random() >= rule.probability:
                continue
            rule.hits += 1
            return rule.action
        return None
