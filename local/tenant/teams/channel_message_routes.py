"""Messages of channels: listed with their replies, as a delta, over a whole team, with their images, and imported.

Sources: graph-docs channel-list-messages, chatmessage-get, chatmessage-list-replies, chatmessage-delta,
channel-getallmessages, chatmessagehostedcontent-get, channel-post-messages, chatmessage-post-replies (v1.0, checked
2026-11). Delta reaches back 8 months and omits replies; getAllMessages covers public and private channels, replies
included, and takes a range of lastModifiedDateTime.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from local.tenant import app_roles as roles
from local.tenant.answers import Answer, GraphError, Json, bad_request, json_answer
from local.tenant.call import Call
from local.tenant.teams.answers import channel_of, message_of, next_link, no_options_but, not_found, page_of, team_of
from local.tenant.teams.bodies import imported_message
from local.tenant.teams.channel_routes import AddRoute
from local.tenant.teams.schema import message_json
from local.tenant.teams.team import Channel, Message, Team, TeamRefusal, moment_of

_HORIZON_MS = 243 * 86_400_000
_RANGE = re.compile(r"lastModifiedDateTime (gt|lt|ge|le) (\S+)")


def add_channel_message_routes(add: AddRoute) -> None:
    """Add the messages of channels."""
    messages = "/teams/{team}/channels/{channel}/messages"
    message = f"{messages}/{{message}}"
    reply = f"{message}/replies/{{reply}}"
    read = roles.CHANNEL_MESSAGES_READ
    add("GET", "/teams/{team}/channels/getAllMessages", "messages.all", read, _all_messages)
    add("GET", messages, "messages.list", read, _messages)
    add("POST", messages, "messages.import", roles.MIGRATE, _import_root)
    add("GET", f"{messages}/delta", "messages.delta", read, _delta)
    add("GET", message, "message.read", read, _message)
    add("GET", f"{message}/replies", "replies.list", read, _replies)
    add("POST", f"{message}/replies", "replies.import", roles.MIGRATE, _import_reply)
    add("GET", reply, "reply.read", read, _message)
    for place in (message, reply):
        add("GET", f"{place}/hostedContents", "hostedContents.list", read, _hosted_contents)
        add("GET", f"{place}/hostedContents/{{content}}/$value", "hostedContents.value", read, _hosted_value)


def _context(team: Team, channel: Channel) -> str:
    return f"teams('{team.team_id}')/channels('{channel.channel_id}')/messages"


def _messages(call: Call) -> Answer:
    team, channel = channel_of(call)
    no_options_but(call, "$top", "$expand")
    with_replies = call.query.get("$expand") == "replies"

    def show(message: Message) -> Json:
        shown = message_json(call, team, channel, message)
        return {**shown, **_expanded(call, team, channel, message)} if with_replies else shown

    return page_of(call, channel.roots(), _context(team, channel), show, usual=20, most=50)


def _expanded(call: Call, team: Team, channel: Channel, message: Message) -> Json:
    most = call.home.settings.channel_replies_expanded
    replies = channel.replies(message.message_id)
    shown: Json = {
        "replies@odata.count": len(replies[:most]),
        "replies": [message_json(call, team, channel, reply) for reply in replies[:most]],
    }
    if len(replies) > most:
        path = f"/v1.0/teams/{team.team_id}/channels/{channel.channel_id}/messages/{message.message_id}/replies"
        shown["replies@odata.nextLink"] = next_link(call, most, path)
    return shown


def _replies(call: Call) -> Answer:
    team, channel, message = message_of(call)
    no_options_but(call, "$top")
    replies = channel.replies(message.message_id)
    context = f"{_context(team, channel)}('{message.message_id}')/replies"
    return page_of(call, replies, context, _shower(call, team, channel), usual=20, most=50)


def _shower(call: Call, team: Team, channel: Channel) -> Callable[[Message], Json]:
    return lambda message: message_json(call, team, channel, message)


def _message(call: Call) -> Answer:
    return json_answer(message_json(call, *message_of(call)))


def _all_messages(call: Call) -> Answer:
    team = team_of(call)
    no_options_but(call, "$top", "$filter")
    low_ms, high_ms = _range_of(call.query.get("$filter"))
    found = [
        (channel, message)
        for channel in team.living_channels()
        if channel.membership != "shared"
        for message in channel.messages.values()
        if low_ms < message.modified_ms < high_ms
    ]
    found.sort(key=lambda entry: (entry[0].channel_id, entry[1].created_ms))
    return page_of(
        call,
        found,
        "Collection(chatMessage)",
        lambda entry: message_json(call, team, *entry),
        usual=20,
        most=200,
    )


def _range_of(text: str | None) -> tuple[int, int]:
    low_ms, high_ms = -1, 1 << 60
    for part in re.split(r"\s+and\s+", text.strip()) if text else ():
        term = _RANGE.fullmatch(part)
        if term is None:
            raise bad_request("The $filter of this call takes a range of lastModifiedDateTime.")
        try:
            moment_ms = moment_of(term[2])
        except ValueError as error:
            raise bad_request("The $filter names no time.") from error
        if term[1] in ("gt", "ge"):
            low_ms = moment_ms - (term[1] == "ge")
        else:
            high_ms = moment_ms + (term[1] == "le")
    return low_ms, high_ms


def _delta(call: Call) -> Answer:
    team, channel = channel_of(call)
    text = call.query.get("$deltatoken") or call.query.get("$skiptoken")
    after, newest = 0, call.home.team_book.seq
    if text is not None:
        try:
            bound, after, issued_ms = call.simulator.sealer.open("teams-delta", text)
        except ValueError as error:
            raise bad_request("The token is not valid.") from error
        if bound != channel.channel_id:
            raise bad_request("The token is not valid.")
        if call.home.team_book.now_ms() - issued_ms > call.home.settings.outlook_delta_lifetime_days * 86_400_000:
            raise GraphError(410, "syncStateNotFound", "The sync state generation is not found.")
    oldest_ms = call.home.team_book.now_ms() - _HORIZON_MS
    roots = [message for message in channel.roots() if message.seq > after and message.created_ms >= oldest_ms]
    roots.sort(key=lambda message: message.seq)
    top = max(1, call.integer("$top", 20, 50))
    return _delta_page(call, team, channel, roots[:top], more=len(roots) > top, newest=newest)


def _delta_page(
    call: Call, team: Team, channel: Channel, page: Sequence[Message], *, more: bool, newest: int
) -> Answer:
    after = page[-1].seq if more else newest
    token = call.simulator.sealer.seal("teams-delta", [channel.channel_id, after, call.home.team_book.now_ms()])
    name, option = ("@odata.nextLink", "$skiptoken") if more else ("@odata.deltaLink", "$deltatoken")
    return json_answer(
        {
            "@odata.context": f"{call.base_url}/v1.0/$metadata#Collection(chatMessage)",
            name: f"{call.base_url}{call.path}?{option}={token}",
            "value": [message_json(call, team, channel, message) for message in page],
        }
    )


def _hosted_contents(call: Call) -> Answer:
    _, _, message = message_of(call)

    def show(content_id: str) -> Json:
        return {"id": content_id, "contentBytes": None, "contentType": None}

    shown = [] if message.deleted_ms is not None else list(message.hosted)
    return page_of(call, shown, "Collection(chatMessageHostedContent)", show, usual=100, most=999)


def _hosted_value(call: Call) -> Answer:
    _, _, message = message_of(call)
    hosted = message.hosted.get(call.params["content"])
    if hosted is None or message.deleted_ms is not None:
        raise not_found("The hosted content")
    return Answer(200, hosted.data, hosted.content_type)


def _import_root(call: Call) -> Answer:
    team, channel = channel_of(call)
    return _imported(call, team, channel, "")


def _import_reply(call: Call) -> Answer:
    team, channel = channel_of(call)
    root = channel.messages.get(("", call.params["message"]))
    if root is None:
        raise not_found("The message")
    return _imported(call, team, channel, root.message_id)


def _imported(call: Call, team: Team, channel: Channel, root_id: str) -> Answer:
    message = imported_message(call, channel, root_id)
    if root_id and message.created_ms <= channel.messages["", root_id].created_ms:
        raise TeamRefusal(400, "BadRequest", "A reply must be later than its message.")
    book = call.home.team_book
    book.add_message(channel, message)
    message.modified_ms = max(book.now_ms(), message.created_ms)
    return json_answer(message_json(call, team, channel, message), 201)
