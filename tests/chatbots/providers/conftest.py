from collections.abc import Iterator

import pytest

from chatbots.providers.client import transport


@pytest.fixture(autouse=True)
def _close_connections() -> Iterator[None]:
    yield
    transport.close()
