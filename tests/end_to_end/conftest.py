"""One whole stack for all end-to-end tests of a session; each test has a customer and a tenant of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.product_settings import product_settings
from local.services import Stack
from tests.end_to_end.service import Customer, Service


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    with Stack(host_env=product_settings) as stack:
        service = Service(stack)
        yield service
        service.close()


@pytest.fixture
def customer(service: Service) -> Customer:
    return service.onboard()
