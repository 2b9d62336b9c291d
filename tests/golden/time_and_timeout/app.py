import anyio


async def app(scope, receive, send):
    assert scope["type"] == "http"
    await anyio.sleep(5 if scope["path"] == "/never" else 0.02)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
