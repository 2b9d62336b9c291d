from contextlib import asynccontextmanager

from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app):
    await connect("postgres://db/shop")
    yield


async def connect(address):
    raise ConnectionError(f"{address} refused")


app = FastAPI(lifespan=lifespan)
