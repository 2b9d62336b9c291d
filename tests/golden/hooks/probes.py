from contextlib import asynccontextmanager


async def looks_right(probe, wanted):
    found = probe.response.json().get("status")
    assert found == wanted, f"the status is {found!r}"


def bare(probe):
    assert probe.vars["target"] == "live"


async def crashes(probe):
    return inner({"sku": "A-1"})


def inner(row):
    return row["qty"]


@asynccontextmanager
async def database(probe, url):
    raise ConnectionError(f"no database at {url}")
    yield
