from typing import Annotated

from fastapi import Depends, FastAPI

app = FastAPI()


def database():
    raise ConnectionError("no route to the database")


@app.get("/items")
async def items(db: Annotated[str, Depends(database)]):
    return db
