import pytest

from tests.hostile import HostileServer


@pytest.fixture
def server():
    with HostileServer() as server:
        yield server


@pytest.fixture
def other():
    with HostileServer() as server:
        yield server
