"""What real people wrote and drew, through a channel and back: bodies of real mail, real pictures inside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_code.graph.teams.source import TeamSource
from shared_code.graph.teams.target import TeamTarget
from shared_code.model.write_back import WriteState
from tests.fakes.captured import capture, states, write_back
from tests.fakes.simulated_team import SimulatedTeam
from tests.fakes.simulated_tenant import simulated_tenants

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
_MOST_CHARACTERS = 28_000  # of a message: "Limits and specifications for Microsoft Teams", 28 KB, checked 2026-11

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")


@pytest.fixture
def team() -> Iterator[SimulatedTeam]:
    for tenant in simulated_tenants():
        yield SimulatedTeam(tenant)


async def test_real_text_and_pictures_come_back_as_they_were(team: SimulatedTeam) -> None:
    team.call("add_channel", "Real")
    mails = sorted((DATA / "mail").glob("*.eml"))
    texts = [path.read_bytes().partition(b"\n\n")[2].decode("latin-1")[:_MOST_CHARACTERS] for path in mails[::3]]
    root = ""
    for number, text in enumerate(text for text in texts if text.strip()):
        kind = "html" if "</" in text and number % 2 else "text"
        created = f"2025-01-01T{number // 60:02d}:{number % 60:02d}:00Z"
        reply_to = root if number % 4 else None
        made = team.post(text, "Real", content_type=kind, created=created, reply_to=reply_to)
        root = root if reply_to else made
    pictures = [path for kind in ("*.png", "*.jpg") for path in sorted((DATA / "files").glob(kind))]
    for number, path in enumerate(pictures):
        team.post("{image}", "Real", images=[path.read_bytes()], created=f"2025-02-01T00:{number:02d}:00Z")
    truth = team.truth("message")
    assert len(truth) > 80
    async with team.tenant.client() as client:
        captured = await capture(TeamSource(client), team.resource)
        team.call("delete_channel", "Real")
        team.tenant.control.set_clock(team.tenant.id, advance_s=31 * 86_400)
        items = sorted(captured.items, key=lambda version: version.change.item_id)
        outcomes = await write_back(TeamTarget(client).open(team.resource), captured, items)
    found = states(outcomes)
    assert set(found) <= {WriteState.RESTORED, WriteState.EXISTING}, {each.error for each in outcomes.values()}
    assert found[WriteState.RESTORED] >= len(truth)
    assert team.truth("message") == truth
