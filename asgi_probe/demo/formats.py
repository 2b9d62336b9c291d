"""What is not JSON, or more than plain JSON: texts, pictures, pages, feeds, compressed files."""

import gzip
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from html import escape
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from asgi_probe.demo.accounts import token_for
from asgi_probe.demo.database import Row, Shop

PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
DRAWN = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)

routes = APIRouter()


@routes.get("/notes.txt")
async def notes() -> PlainTextResponse:
    return PlainTextResponse("Water the tomatoes.\nOrder 12 boxes of pears.\n")


@routes.get("/menu.txt")
async def menu(claims: str = "iso8859-15") -> Response:
    """Always in ISO 8859-15, whatever it claims to be in."""
    return Response("Café crème, 2 €".encode("iso8859-15"), media_type=f"text/plain; charset={claims}")


@routes.get("/items.csv")
async def items_csv(database: Shop) -> Response:
    rows = await database.rows("select sku, name, price from items where category = 'fruit' order by sku")
    lines = ["sku,name,price", *(f"{row['sku']},{row['name']},{row['price']}" for row in rows)]
    headers = {"content-disposition": 'attachment; filename="items.csv"'}
    return Response("\r\n".join(lines) + "\r\n", media_type="text/csv", headers=headers)


@routes.api_route("/logo.png", methods=["GET", "HEAD"])
async def logo(request: Request) -> Response:
    """The beginning of a picture, to be cached for an hour; 304 for who has it already."""
    headers = {
        "etag": f'"{sha256(PIXEL).hexdigest()[:16]}"',
        "cache-control": "public, max-age=3600",
        "last-modified": format_datetime(DRAWN, usegmt=True),
    }
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(PIXEL, media_type="image/png", headers=headers)


@routes.get("/catalog.json.gz")
async def catalog(*, torn: bool = False) -> Response:
    """Compressed; `torn` leaves out the end."""
    packed = gzip.compress(json.dumps({"items": ["tomato"] * 500}).encode())
    headers = {"content-encoding": "gzip", "vary": "accept-encoding"}
    return Response(packed[:-20] if torn else packed, media_type="application/json", headers=headers)


@routes.get("/customer")
async def customer() -> Row:
    """One of everything that has a name of its own."""
    now = datetime.now(UTC)
    return {
        "id": str(uuid4()),
        "name": "Ada Lovelace",
        "nickname": None,
        "email": "ada@example.com",
        "website": "https://example.com/ada?lang=en#top",
        "born": "1815-12-10",
        "call_after": "09:30:00",
        "seen_at": now.isoformat(),
        "renews_at": (now + timedelta(days=30)).isoformat().replace("+00:00", "Z"),
        "visit": "PT1H30M",
        "device": {"host": "pad.example.com", "ipv4": "192.0.2.7", "ipv6": "2001:db8::7"},
        "avatar": b64encode(b"<svg/>").decode(),
        "settings": json.dumps({"theme": "dark", "columns": 3}),
        "token": token_for("ada"),
        "points": [3, 5, 8, 13],
        "debts": [],
        "balance": 19.989999999,
    }


@routes.get("/page", response_class=HTMLResponse)
async def page(database: Shop) -> str:
    """The fruit as a web page."""
    rows = await database.rows("select id, name, price from items where category = 'fruit' order by id")
    items = "\n".join(
        f'    <li class="item" data-price="{row["price"]}"><a href="/items/{row["id"]}">{escape(row["name"])}</a></li>'
        for row in rows
    )
    return PAGE.format(items=items)


PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="description" content="Fresh every day">
  <title>The shop</title>
</head>
<body>
  <h1>Fruit &amp; more</h1>
  <ul id="items">
{items}
  </ul>
  <form action="/login" method="post"><input name="user" required><button>Log in</button></form>
</body>
</html>
"""


class AtomResponse(Response):
    media_type = "application/atom+xml"


@routes.get("/feed.xml", response_class=AtomResponse)
async def feed(database: Shop) -> AtomResponse:
    """The items as a feed (RFC 4287), with prices in a namespace of the shop's own."""
    rows = await database.rows("select id, sku, name, price from items where category = 'fruit' order by id")
    return AtomResponse(FEED.format(entries="".join(_entry(row) for row in rows)))


def _entry(row: Row) -> str:
    return (
        f"  <entry><id>urn:sku:{escape(row['sku'])}</id><title>{escape(row['name'])}</title>"
        f'<link href="/items/{row["id"]}"/><shop:price currency="eur">{row["price"]}</shop:price></entry>\n'
    )


FEED = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:shop="https://example.com/shop">
  <id>urn:shop:fruit</id><title>Fruit</title><updated>2024-02-29T12:00:00Z</updated>
{entries}</feed>
"""
