"""What a snapshot gives back, read through the archive alone."""

from __future__ import annotations

from shared_code.model.item import Form
from shared_code.model.restore import Selection
from shared_code.vault.customer_vault import CustomerVault


async def contents_of(vault: CustomerVault, resource_id: str, seq: int) -> dict[str, dict[str, bytes]]:
    """Every living item of a snapshot that has content: item id -> form -> bytes."""
    snapshot = await vault.snapshot(resource_id, seq)
    reader = await vault.open_reader(snapshot.segments)
    found: dict[str, dict[str, bytes]] = {}
    try:
        after = ""
        while versions := await reader.selected(Selection(everything=True), after, 50):
            for version in versions:
                forms: dict[str, bytes] = {}
                for representation in version.representations:
                    parts = [part async for part in vault.read(representation)]
                    forms[str(Form(representation.form))] = b"".join(parts)
                assert version.change.item_id not in found, "an item lives twice"
                found[version.change.item_id] = forms
            after = versions[-1].change.item_id
    finally:
        await reader.aclose()
    return found
