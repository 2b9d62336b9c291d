from contextlib import asynccontextmanager

from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app):
    yield
    raise RuntimeError("the pool could not be drained")


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def root():
    return {}
