"""Hooks that cost nothing themselves."""


async def look(probe):
    assert probe.response.status_code == 200
