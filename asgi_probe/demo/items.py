"""What the shop sells: items, their prices, orders."""

import json
from datetime import UTC, datetime
from typing import Annotated, Literal

import anyio
from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field

from asgi_probe.demo.database import LOG, Database, Row, Shop

routes = APIRouter()


class NewItem(BaseModel):
    sku: str = Field(pattern=r"^[A-Z]+(-\w+)+$")
    name: str = Field(min_length=1, max_length=80)
    price: float = Field(gt=0)
    qty: int = Field(default=0, ge=0)
    category: str = "other"


class ItemChange(BaseModel):
    name: str | None = Field(default=None, min_length=1, max_length=80)
    price: float | None = Field(default=None, gt=0)
    qty: int | None = Field(default=None, ge=0)


class NewLine(BaseModel):
    sku: str
    qty: int = Field(gt=0)


class NewOrder(BaseModel):
    email: str = Field(pattern=r"^\S+@\S+$")
    lines: list[NewLine] = Field(min_length=1)


@routes.get("/")
async def root() -> dict[str, str]:
    return {"message": "Tomato"}


@routes.get("/health")
async def health(database: Shop) -> dict[str, str]:
    return {"status": "ok", "sqlite": (await database.row("select sqlite_version() as version"))["version"]}


# items


@routes.get("/items")
async def list_items(
    database: Shop,
    response: Response,
    category: Annotated[list[str] | None, Query()] = None,
    sort: Literal["id", "name", "price", "qty"] = "id",
    descending: bool = False,  # noqa: FBT002 - a query parameter
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Row:
    """Items, filtered, sorted and paged."""
    asked = json.dumps(category)
    where = "where ? = 'null' or category in (select value from json_each(?))"
    total = (await database.row(f"select count(*) as n from items {where}", asked, asked))["n"]  # noqa: S608 - constants
    order = f"order by {sort} {'desc' if descending else 'asc'}, id limit ? offset ?"
    found = await database.rows(f"select * from items {where} {order}", asked, asked, size, (page - 1) * size)  # noqa: S608 - `sort` is one of four
    response.headers["x-total-count"] = str(total)
    return {"items": found, "total": total, "page": page, "pages": -(-total // size)}


@routes.post("/items", status_code=201)
async def create_item(item: NewItem, database: Shop, response: Response) -> Row:
    columns = (item.sku, item.name, item.price, item.qty, item.category)
    sql = "insert into items (sku, name, price, qty, category) values (?, ?, ?, ?, ?) on conflict do nothing"
    if not await database.run(sql, *columns):
        raise HTTPException(409, f"there is an item {item.sku} already")
    created = await database.row("select * from items where sku = ?", item.sku)
    response.headers["location"] = f"/items/{created['id']}"
    return created


@routes.get("/items/{item_id}")
async def read_item(item_id: int, database: Shop) -> Row:
    return await database.row("select * from items where id = ?", item_id)


@routes.patch("/items/{item_id}")
async def change_item(item_id: int, change: ItemChange, database: Shop) -> Row:
    for column, value in change.model_dump(exclude_none=True).items():
        await database.run(f"update items set {column} = ? where id = ?", value, item_id)  # noqa: S608 - a model's field
    return await database.row("select * from items where id = ?", item_id)


@routes.delete("/items/{item_id}", status_code=204)
async def delete_item(item_id: int, database: Shop) -> None:
    if not await database.run("delete from items where id = ?", item_id):
        raise HTTPException(404, "there is no such thing")


Currency = Literal["eur", "usd", "gbp"]
RATES = {"eur": 1.0, "usd": 1.08, "gbp": 0.85}


async def get_rate(currency: Currency = "eur") -> float:
    """What a euro costs; a test overrides this, since the exchange is far away."""
    await anyio.sleep(0.05)
    return RATES[currency]


@routes.get("/items/{item_id}/price")
async def read_price(
    item_id: int, database: Shop, rate: Annotated[float, Depends(get_rate)], currency: Currency = "eur"
) -> Row:
    item = await database.row("select price from items where id = ?", item_id)
    return {"price": round(item["price"] * rate, 2), "currency": currency}


# orders


@routes.post("/orders", status_code=201)
async def create_order(order: NewOrder, database: Shop, request: Request, later: BackgroundTasks) -> Row:
    """Take an order; it is confirmed in the background."""
    created = datetime.now(UTC).isoformat(timespec="milliseconds")
    row = await database.row(
        "insert into orders (email, status, created_at) values (?, 'new', ?) returning id", order.email, created
    )
    for line in order.lines:
        item = await database.row("select price, qty from items where sku = ?", line.sku)
        if line.qty > item["qty"]:
            LOG.warning("order %s takes %s of %s, there are %s", row["id"], line.qty, line.sku, item["qty"])
        await database.run("insert into lines values (?, ?, ?, ?)", row["id"], line.sku, line.qty, item["price"])
    later.add_task(confirm, request.state.database, row["id"])
    return await read_order(row["id"], database)


async def confirm(database: Database, order_id: int) -> None:
    async with database.transaction() as transaction:
        await transaction.run("update orders set status = 'confirmed' where id = ?", order_id)
    LOG.info("order %s is confirmed", order_id)


@routes.get("/orders/{order_id}")
async def read_order(order_id: int, database: Shop) -> Row:
    order = await database.row("select * from orders where id = ?", order_id)
    sql = "select sku, qty, price, round(qty * price, 2) as total from lines where order_id = ? order by rowid"
    lines = await database.rows(sql, order_id)
    return order | {"lines": lines, "total": round(sum(line["total"] for line in lines), 2)}
