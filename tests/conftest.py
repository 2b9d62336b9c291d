import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.cli.project import Project
from tests.postgresql import postgresql as postgresql

os.environ.pop("GITHUB_ACTIONS", None)  # there runs tell more, and the summary is not for those of the tests

settings.register_profile("any machine", deadline=None)  # how long an example takes is no test's business
settings.load_profile("any machine")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")
