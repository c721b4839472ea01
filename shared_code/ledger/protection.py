"""What each customer has stored beyond the default."""

from __future__ import annotations

from azure.data.tables.aio import TableServiceClient

from shared_code.errors import RowExistsError
from shared_code.ledger.tables import Table
from shared_code.model.protection import ProtectionSettings
from shared_code.model.resource import check_customer_id

_SETTINGS = "settings"


class ProtectionLedger:
    """Table ``protection``, a row a customer. Every write is safe to replay."""

    def __init__(self, service: TableServiceClient) -> None:
        self._table = Table(service, "protection")

    async def settings(self, customer_id: str) -> ProtectionSettings:
        """The customer's settings; the default where nothing was agreed on."""
        return await self.own_settings(customer_id) or ProtectionSettings()

    async def own_settings(self, customer_id: str) -> ProtectionSettings | None:
        """What was agreed with this customer; None where the default holds."""
        row = await self._table.get(_SETTINGS, check_customer_id(customer_id))
        return ProtectionSettings.from_json(row) if row else None

    async def save(self, customer_id: str, settings: ProtectionSettings) -> None:
        """Agree on other settings; they hold from the next run on."""
        await self._table.put(_SETTINGS, check_customer_id(customer_id), settings.to_json())

    async def add(self, customer_id: str, settings: ProtectionSettings) -> bool:
        """Note what was agreed on, unless something is noted already: then False."""
        try:
            await self._table.insert(_SETTINGS, check_customer_id(customer_id), settings.to_json())
        except RowExistsError:
            return False
        return True
