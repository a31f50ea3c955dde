"""A manager, and clients of it that do not wait long."""

from collections.abc import AsyncIterator

import pytest

from tests.support.installations import SmallGateway, SmallManager, small_gateway, small_manager


@pytest.fixture
async def manager() -> AsyncIterator[SmallManager]:
    async with small_manager() as running:
        yield running


@pytest.fixture
async def gateway() -> AsyncIterator[SmallGateway]:
    async with small_gateway() as running:
        yield running
