"""Every kind of answer about Teams, for the samples of the tenant simulator."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from local.tenant.control.client import TenantControl
from local.tenant.plain_client import PlainClient

PNG = b"\x89PNG\r\n\x1a\n image"
USER = "https://graph.microsoft.com/v1.0/users('{}')"
MEMBER: dict[str, Any] = {"@odata.type": "#microsoft.graph.aadUserConversationMember", "roles": ["owner"]}
LINK = {"id": "1", "contentType": "reference", "contentUrl": "https://x.example/a.docx", "name": "a.docx"}


def add_team_samples(
    control: TenantControl, client: PlainClient, tenant: str, owner: str, add: Callable[..., Any]
) -> None:
    """Make teams with one of everything and ask for it all."""
    other = str(control.add_user(tenant, "Ben Teams")["id"])
    team = control.add_team(tenant, "Samples", owners=[owner], description="For samples")
    guest_team = control.add_team(tenant, "Guests", owners=[other])
    hidden = control.add_channel(tenant, team, "Hidden", membership="private", owners=[owner])
    shared = control.add_channel(tenant, team, "Open", membership="shared", owners=[other], description="d")
    control.change_channel(tenant, team, shared, shared_with=guest_team)
    control.add_tab(tenant, team, hidden, "Page", configuration={"contentUrl": "https://x.example"})
    root = control.post_message(
        tenant, team, "General", owner, 'Hi <at id="0">Ben Teams</at> {image}', images=[PNG], mentions=[other],
        subject="S", attachments=[LINK],
    )  # fmt: skip
    reply = control.post_message(tenant, team, "General", other, "Re", reply_to=root)
    control.react(tenant, team, "General", root, other)
    control.edit_message(tenant, team, "General", reply, "Re 2")
    control.post_message(
        tenant, team, "General", "", "<systemEventMessage/>", message_type="systemEventMessage",
        event={"@odata.type": "#microsoft.graph.channelAddedEventMessageDetail", "channelDisplayName": "Hidden"},
    )  # fmt: skip
    control.post_message(tenant, team, "General", "", "From a bot", app_name="Bot")
    gone = control.post_message(tenant, team, "General", owner, "Gone")
    control.delete_message(tenant, team, "General", gone)

    teams = f"/teams/{team}"
    is_team = quote("resourceProvisioningOptions/Any(x:x eq 'Team')")
    add("groups", "group", f"/groups?$filter={is_team}&$top=1", many=True)
    add("group", "group", f"/groups/{team}?$select=displayName")
    add("group owners", "user", f"/groups/{team}/owners", many=True)
    add("group members", "user", f"/groups/{team}/members", many=True)
    add("teams", "team", "/teams", many=True)
    add("team", "team", teams)
    add("team members", "conversationMember", f"{teams}/members", many=True)
    bound = {**MEMBER, "user@odata.bind": USER.format(other)}
    made = add("new member", "conversationMember", f"{teams}/members", method="POST", body=bound)
    change = {**MEMBER, "roles": []}
    add("changed member", "conversationMember", f"{teams}/members/{made['id']}", method="PATCH", body=change)
    channels = add("channels", "channel", f"{teams}/channels", many=True)["value"]
    add("all channels", "channel", f"/teams/{guest_team}/allChannels", many=True)
    add("incoming channels", "channel", f"/teams/{guest_team}/incomingChannels", many=True)
    primary = add("primary channel", "channel", f"{teams}/primaryChannel")["id"]
    add("channel", "channel", f"{teams}/channels/{channels[0]['id']}")
    add("channel members", "conversationMember", f"{teams}/channels/{hidden}/members", many=True)
    add("new channel member", "conversationMember", f"{teams}/channels/{hidden}/members", method="POST", body=bound)
    add("tabs", "teamsTab", f"{teams}/channels/{hidden}/tabs?$expand=teamsApp", many=True)
    app = "https://graph.microsoft.com/v1.0/appCatalogs/teamsApps/com.microsoft.teamspace.tab.web"
    tab = {"displayName": "T", "teamsApp@odata.bind": app, "configuration": {"contentUrl": "https://x.example"}}
    add("new tab", "teamsTab", f"{teams}/channels/{hidden}/tabs", method="POST", body=tab)
    add("files folder", "driveItem", f"{teams}/channels/{hidden}/filesFolder")
    new = {"displayName": "New", "membershipType": "standard"}
    target = add("new channel", "channel", f"{teams}/channels", method="POST", body=new)["id"]

    messages = f"{teams}/channels/{primary}/messages"
    add("channel messages", "chatMessage", f"{messages}?$expand=replies&$top=50", many=True)
    page = add("message delta", "chatMessage", f"{messages}/delta?$top=2", many=True)
    add("message delta, next", "chatMessage", page["@odata.nextLink"], many=True)
    add("message", "chatMessage", f"{messages}/{root}")
    add("replies", "chatMessage", f"{messages}/{root}/replies", many=True)
    add("reply", "chatMessage", f"{messages}/{root}/replies/{reply}")
    add("all messages", "chatMessage", f"{teams}/channels/getAllMessages?$top=3", many=True)
    add("hosted contents", "chatMessageHostedContent", f"{messages}/{root}/hostedContents", many=True)
    assert client.send("POST", f"{teams}/channels/{target}/startMigration", _back_to(2020)).status == 204
    imported = {
        "createdDateTime": "2024-01-02T03:04:05.678Z",
        "from": {"user": {"id": owner, "displayName": "Ada", "userIdentityType": "aadUser"}},
        "body": {"contentType": "html", "content": '<img src="../hostedContents/1/$value">'},
        "hostedContents": [
            {
                "@microsoft.graph.temporaryId": "1",
                "contentBytes": base64.b64encode(PNG).decode(),
                "contentType": "image/png",
            }
        ],
    }
    back = f"{teams}/channels/{target}/messages"
    first = add("imported message", "chatMessage", back, method="POST", body=imported)
    plain = {**imported, "createdDateTime": "2024-01-02T03:04:06Z", "body": {"content": "Re"}, "hostedContents": []}
    add("imported reply", "chatMessage", f"{back}/{first['id']}/replies", method="POST", body=plain)
    assert client.send("POST", f"{teams}/channels/{target}/completeMigration").status == 204


def _back_to(year: int) -> dict[str, str]:
    return {"conversationCreationDateTime": f"{year}-01-01T00:00:00Z"}
