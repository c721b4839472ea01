"""People who do things to a team at random."""

from __future__ import annotations

from random import Random

from tests.fakes.simulated_team import SimulatedTeam


class TeamEdits:
    """Edits of a team that ``SimulatedTeam.fill`` has filled: messages, channels, tabs, members."""

    def __init__(self, team: SimulatedTeam) -> None:
        self._team = team
        self._posted: list[tuple[str, str, str]] = []
        self._channels = ["General", "Plans", "Inner", "Open"]
        self._made = 0

    def one(self, chance: Random) -> None:
        """One edit. Raises ControlError for one that cannot be."""
        channel, known = chance.choice(self._channels), [*self._posted]
        kind = chance.choices(
            ["post", "reply", "edit", "delete", "undo", "react", "rename", "make", "tab", "member"],
            [2, 2, 1, 1, 1, 1, 1, 1, 0.5, 0.5],
        )[0]
        if kind == "post" or not known:
            self._posted.append((channel, self._team.post(f"m{len(known)}", channel=channel), ""))
        elif kind == "rename":
            self._team.call("change_channel", channel, new_description=f"d{chance.random()}")
        elif kind == "make":
            self._make(chance)
        elif kind == "tab":
            self._team.call("add_tab", channel, f"t{chance.random()}")
        elif kind == "member":
            self._team.call("set_team_member", self._team.cleo, chance.choice(["owner", "member", "none"]))
        else:
            self._message(kind, chance)

    def _message(self, kind: str, chance: Random) -> None:
        channel, message, root = chance.choice(self._posted)
        if kind == "reply":
            reply = self._team.post("re", channel=channel, reply_to=root or message)
            self._posted.append((channel, reply, root or message))
        elif kind == "edit":
            self._team.call("edit_message", channel, message, f"edited {chance.random()}")
        elif kind in ("delete", "undo"):
            self._team.call("delete_message", channel, message, undo=kind == "undo")
        else:
            self._team.call("react", channel, message, self._team.ben, chance.choice(["like", "heart"]))

    def _make(self, chance: Random) -> None:
        """A channel; every third one in place of another."""
        self._made += 1
        membership = chance.choice(["standard", "private", "shared"])
        name = f"made {self._made}"
        self._team.call("add_channel", name, membership=membership, owners=[self._team.ada])
        self._channels.append(name)
        if self._made % 3 == 0:
            gone = self._channels.pop(chance.randrange(1, len(self._channels)))
            self._posted = [each for each in self._posted if each[0] != gone]
            self._team.call("delete_channel", gone)
