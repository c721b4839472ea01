"""What the Teams service's handlers share: finding what a path names, pages, and its refusals as answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from local.tenant.answers import Answer, GraphError, Json, json_answer
from local.tenant.call import Call
from local.tenant.routing import Handler
from local.tenant.teams.team import Channel, Message, Team, TeamRefusal


def not_found(what: str) -> GraphError:
    """Something that Teams does not have."""
    return GraphError(404, "NotFound", f"{what} was not found.")


def team_of(call: Call) -> Team:
    """The team that the path names. Raises 404."""
    team = call.home.team_book.teams.get(call.params.get("team") or call.params["group"])
    if team is None:
        raise not_found("The team")
    return team


def channel_of(call: Call) -> tuple[Team, Channel]:
    """The channel that the path names. Raises 404."""
    team = team_of(call)
    channel = team.channel(call.params["channel"])
    if channel is None:
        raise not_found("The channel")
    return team, channel


def message_of(call: Call) -> tuple[Team, Channel, Message]:
    """The message or reply that the path names. Raises 404."""
    team, channel = channel_of(call)
    reply = call.params.get("reply")
    key = (call.params["message"], reply) if reply else ("", call.params["message"])
    message = channel.messages.get(key)
    if message is None:
        raise not_found("The message")
    return team, channel, message


def answered(handler: Handler) -> Handler:
    """The handler with the refusals of Teams as errors of Graph, and the service's own time on its answers."""

    def answer(call: Call) -> Answer:
        try:
            found = handler(call)
        except TeamRefusal as refusal:
            raise GraphError(refusal.status, refusal.code, str(refusal)) from refusal
        moment = datetime.fromtimestamp(call.home.clock.epoch_s(), UTC)
        found.headers.setdefault("Date", format_datetime(moment, usegmt=True))
        return found

    return answer


def no_options_but(call: Call, *allowed: str) -> None:
    """Refuse query options that this call does not take."""
    for name in call.query:
        if name.startswith("$") and name not in (*allowed, "$skiptoken"):
            raise GraphError(400, "BadRequest", f"Query option '{name.lstrip('$')}' is not allowed.")


def page_of(
    call: Call, values: Sequence[Any], context: str, show: Callable[[Any], Json], *, usual: int, most: int
) -> Answer:
    """One page of a collection, with a link to the next. The token counts what was shown."""
    top = max(1, call.integer("$top", usual, most))
    start = 0
    if "$skiptoken" in call.query:
        try:
            start = int(call.simulator.sealer.open("teams", call.query["$skiptoken"]))
        except ValueError as error:
            raise GraphError(400, "BadRequest", "The skip token is not valid.") from error
    shown = values[start : start + top]
    body: Json = {"@odata.context": f"{call.base_url}/v1.0/$metadata#{context}", "@odata.count": len(shown)}
    if start + top < len(values):
        body["@odata.nextLink"] = next_link(call, start + top)
    body["value"] = [show(value) for value in shown]
    return json_answer(body)


def next_link(call: Call, start: int, path: str = "") -> str:
    """The address of the page from ``start`` on."""
    token = call.simulator.sealer.seal("teams", start)
    own = "" if path else call.raw_query
    kept = [part for part in own.split("&") if part and not part.lower().startswith(("$skiptoken", "%24skiptoken"))]
    query = "&".join([*kept, f"$skiptoken={quote(token, safe='')}"])
    return f"{call.base_url}{path or call.path}?{query}"
