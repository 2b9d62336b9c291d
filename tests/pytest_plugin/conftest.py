import pytest

from tests.pytest_plugin.suite import Suite, prepared


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    return prepared(pytester, monkeypatch)
