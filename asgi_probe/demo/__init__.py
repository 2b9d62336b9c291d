"""A small shop, to have something to probe: the app that the specs in `specs/` ask, in process and live.

`DEMO_DATABASE` names the SQLite file it keeps, which `sql` finds at `sqlite:///` and that name. Without it everything
is in memory and forgotten at the end.
"""

from fastapi import FastAPI

from asgi_probe.demo import accounts, formats, graphql, items, wire
from asgi_probe.demo.database import lifespan
from asgi_probe.demo.items import get_rate

__all__ = ["app", "get_rate"]

app = FastAPI(title="Shop", version="1.0", lifespan=lifespan)
for part in (items, accounts, formats, graphql, wire):
    app.include_router(part.routes)
