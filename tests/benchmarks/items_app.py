"""A FastAPI app that is asked in process."""

from typing import Any

from fastapi import FastAPI

app = FastAPI()


@app.get("/items/{number}")
async def read_item(number: int) -> dict[str, Any]:
    return {"id": number, "tags": ["new", "red"], "owner": {"name": "Ann", "age": 31}, "price": 3.5}
