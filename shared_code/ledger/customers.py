"""The customers that the provider protects."""

from __future__ import annotations

from typing import Any

from azure.data.tables.aio import TableServiceClient

from shared_code.errors import CustomerExistsError, CustomerNotFoundError, RowExistsError
from shared_code.ledger.tables import Table
from shared_code.model.resource import Customer, check_customer_id

_PARTITION = "customers"


class CustomerLedger:
    """One row a customer."""

    def __init__(self, service: TableServiceClient) -> None:
        self._table = Table(service, "customers")
        self._known: dict[str, Customer] = {}

    async def add(self, customer: Customer) -> bool:
        """Onboard a customer. True when it is new, False when the very same is there already. Raises
        CustomerExistsError when the id stands for another tenant: its restore points would mix with this one's."""
        try:
            await self._table.insert(_PARTITION, customer.id, _to_json(customer))
        except RowExistsError as error:
            present = await self.get(customer.id)
            if present.tenant_id != customer.tenant_id:
                raise CustomerExistsError(
                    f"Customer {customer.id} exists and belongs to another tenant. Choose another id."
                ) from error
            if present != customer:
                await self._table.put(_PARTITION, customer.id, _to_json(customer))
            return False
        return True

    async def put_back(self, customer: Customer) -> bool:
        """Note a customer, unless one of that id is there: then False, and it stays as it is."""
        try:
            await self._table.insert(_PARTITION, customer.id, _to_json(customer))
        except RowExistsError:
            return False
        return True

    async def get(self, customer_id: str) -> Customer:
        """Raises CustomerNotFoundError, InvalidIdError."""
        row = await self._table.get(_PARTITION, check_customer_id(customer_id))
        if row is None:
            raise CustomerNotFoundError(f"There is no customer {customer_id}. GET /api/customers lists them.")
        customer = self._known[customer_id] = _from_json(row)
        return customer

    async def known(self, customer_id: str) -> Customer:
        """As ``get``, but asks the table once in the life of this object: for runs, which need the id and the tenant,
        and these two never change. The display name may be an older one. Raises CustomerNotFoundError, InvalidIdError.
        """
        return self._known.get(customer_id) or await self.get(customer_id)

    async def all(self) -> list[Customer]:
        """Every customer, by id."""
        return [_from_json(row) for row in await self._table.rows(_PARTITION)]


def _to_json(customer: Customer) -> dict[str, Any]:
    return {"id": customer.id, "display_name": customer.display_name, "tenant_id": customer.tenant_id}


def _from_json(row: dict[str, Any]) -> Customer:
    return Customer(row["id"], row["display_name"], row["tenant_id"])
