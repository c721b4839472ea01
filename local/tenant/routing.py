"""From method and path to an operation. Knows OData spellings: `delta()`, `folders('id')`, `items/{id}:/a/b:`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from local.tenant.answers import Answer, GraphError, unknown_segment
from local.tenant.call import Call

Handler = Callable[[Call], Answer]
UnhurriedHandler = Callable[[Call], Awaitable[Answer]]
_CALLED = re.compile(r"^(?:microsoft\.graph\.)?(?P<name>[$\w]+)\((?P<inside>.*)\)$")


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its short name, the roles of which one is needed, the service that words a refusal."""

    template: str
    operation: str
    roles: frozenset[str]
    service: str
    handler: Handler | UnhurriedHandler


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: tuple[str, _Node] | None = None
    routes: dict[str, Route] = field(default_factory=dict)


class RouteTable:
    """All routes of the Graph surface."""

    def __init__(self) -> None:
        self._root = _Node()
        self.templates: list[tuple[str, Route]] = []

    def add(self, method: str, route: Route) -> None:
        """Add a route. Templates look like `/users/{user}/drive`."""
        node = self._root
        for segment in route.template.strip("/").split("/"):
            if segment.startswith("{"):
                if node.parameter is None:
                    node.parameter = (segment[1:-1], _Node())
                node = node.parameter[1]
            else:
                node = node.literals.setdefault(segment.lower(), _Node())
        node.routes[method] = route
        self.templates.append((method, route))

    def resolve(self, call: Call, raw_path: str) -> Route:
        """Return the route of a raw (percent-encoded) path below the version, and fill in the call's parameters.

        Raises GraphError for a path that Graph does not know or a method that it does not take there.
        """
        segments = _split(call, raw_path)
        node = self._root
        values: list[str] = []
        names: list[str] = []
        for segment in segments:
            found = node.literals.get(segment.lower())
            if found is None:
                if node.parameter is None:
                    raise unknown_segment(segment)
                names.append(node.parameter[0])
                values.append(segment)
                found = node.parameter[1]
            node = found
        if not node.routes:
            raise unknown_segment(segments[-1] if segments else "")
        route = node.routes.get(call.method)
        if route is None:
            raise GraphError(
                405,
                "Request_BadRequest",
                "Specified HTTP method is not allowed for the request target.",
                headers={"Allow": ", ".join(node.routes)},
            )
        call.params = dict(zip(names, values, strict=True))
        return route


def _split(call: Call, raw_path: str) -> list[str]:
    parts = [part for part in raw_path.split("/") if part]
    if ":" in raw_path or "%3a" in raw_path.lower():
        parts = _take_item_path(call, parts)
    segments: list[str] = []
    for part in parts:
        text = unquote(part)
        match = _CALLED.match(text) if text.endswith(")") else None
        if match is None:
            segments.append(text)
            continue
        segments.append(match["name"])
        inside = match["inside"]
        if inside.startswith("token="):
            call.query["token"] = inside[6:].strip("'")
        elif inside.startswith("period="):
            call.query["period"] = inside[7:].strip("'")
        elif inside:
            segments.append(inside.strip("'"))
    return segments


def _take_item_path(call: Call, parts: list[str]) -> list[str]:
    """Take `items/{id}:/a/b:` apart; what lies between the colons becomes the call's item path."""
    for index, part in enumerate(parts):
        if (index and unquote(parts[index - 1]).lower() in {"items", "drive"}) or unquote(parts[0]).lower() == "drives":
            text = part
            if ":" not in text and "%3A%2F" in text.upper():
                inner = unquote(text)
                head, _, tail = inner.partition(":/")
                call.item_path = [name for name in tail.rstrip(":").split("/") if name]
                return [*parts[:index], head, *parts[index + 1 :]]
            if index and text.endswith((":", "%3A", "%3a")) and index + 1 < len(parts):
                head = text[: -1 if text.endswith(":") else -3]
                names: list[str] = []
                for offset in range(index + 1, len(parts)):
                    name = parts[offset]
                    if name == ":":
                        call.item_path = names
                        return [*parts[:index], head, *parts[offset + 1 :]]
                    if name.endswith((":", "%3A", "%3a")):
                        names.append(unquote(name[: -1 if name.endswith(":") else -3]))
                        call.item_path = names
                        return [*parts[:index], head, *parts[offset + 1 :]]
                    names.append(unquote(name))
                call.item_path = names
                return [*parts[:index], head]
    return parts
