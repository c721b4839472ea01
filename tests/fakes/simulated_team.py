"""A team of the simulated tenant with something of everything, and helpers to edit and look at it."""

from __future__ import annotations

from typing import Any

from shared_code.model.resource import Resource, ResourceKind
from tests.fakes.simulated_tenant import SimulatedTenant

PNG = b"\x89PNG\r\n\x1a\n inline image"
LINK = {"id": "a1", "contentType": "reference", "contentUrl": "https://x.example/Plan.docx", "name": "Plan.docx"}
CARD = {"id": "c1", "contentType": "application/vnd.microsoft.card.adaptive", "content": "{}", "name": None}


class SimulatedTeam:
    """``ben`` and ``cleo`` are people of the team besides the tenant's first, its owner."""

    def __init__(self, tenant: SimulatedTenant, name: str = "Projects") -> None:
        self.tenant = tenant
        control = tenant.control
        self.ada = tenant.user_id
        self.ben = str(control.add_user(tenant.id, f"Ben {name}")["id"])
        self.cleo = str(control.add_user(tenant.id, f"Cleo {name}")["id"])
        self.id = control.add_team(
            tenant.id, name, owners=[self.ada], members=[self.ben, self.cleo], description="All of it"
        )
        self.name = name

    @property
    def resource(self) -> Resource:
        return Resource(ResourceKind.TEAM, self.id, self.name)

    def call(self, method: str, /, *arguments: Any, **more: Any) -> Any:
        """One method of the control client, for this team."""
        return getattr(self.tenant.control, method)(self.tenant.id, self.id, *arguments, **more)

    def post(self, content: str, channel: str = "General", user: str | None = None, **more: Any) -> str:
        return str(self.call("post_message", channel, user or self.ada, content, **more))

    def truth(self, *kinds: str) -> list[dict[str, Any]]:
        records = list(self.call("team_oracle"))
        return [record for record in records if not kinds or record["record"] in kinds]

    def fill(self) -> dict[str, str]:
        """Channels of three kinds and messages of every sort; the ids of some of them by name."""
        ids = {
            "private": str(
                self.call("add_channel", "Inner", membership="private", owners=[self.ada], members=[self.ben])
            ),
            "shared": str(self.call("add_channel", "Open", membership="shared", owners=[self.ben], description="d")),
            "standard": str(self.call("add_channel", "Plans", description="What we plan")),
        }
        self.call("add_tab", "Plans", "Wiki", configuration={"contentUrl": "https://x.example/wiki"})
        ids["root"] = self.post("<p>Hello <b>all</b></p>", created="2025-01-02T03:04:05.678Z", subject="Start")
        ids["reply"] = self.post("Re: hello", user=self.ben, reply_to=ids["root"], created="2025-01-02T04:00:00Z")
        ids["image"] = self.post("See {image}!", user=self.ben, images=[PNG], created="2025-02-03T00:00:00.001Z")
        ids["image_reply"] = self.post("{image}", reply_to=ids["image"], images=[PNG + b"2"])
        ids["mention"] = self.post('<at id="0">Ben</at> look', mentions=[self.ben], importance="high")
        ids["link"] = self.post('Read <attachment id="a1"></attachment>', channel="Plans", attachments=[LINK])
        ids["card"] = self.post('Card <attachment id="c1"></attachment>', channel="Plans", attachments=[CARD])
        ids["inner"] = self.post("Secret", channel="Inner")
        ids["inner_reply"] = self.post("Yes", channel="Inner", user=self.ben, reply_to=ids["inner"])
        ids["open"] = self.post("Public", channel="Open", user=self.ben)
        ids["open_reply"] = self.post("Indeed", channel="Open", reply_to=ids["open"])
        ids["old"] = self.post("Very old", created="2020-05-05T05:05:05.555Z")
        ids["gone"] = self.post("Regretted")
        self.call("react", "General", ids["root"], self.cleo, "heart")
        self.call("delete_message", "General", ids["gone"])
        self.post("<systemEventMessage/>", message_type="systemEventMessage")
        return ids
