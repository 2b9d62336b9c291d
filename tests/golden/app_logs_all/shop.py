import logging
import warnings

log = logging.getLogger("shop")


async def app(scope, receive, send):
    assert scope["type"] == "http"
    print(f"asked for {scope['path']}")
    log.warning("only %d of %s left", 2, "A-1")
    warnings.warn(f"{scope['path']} is old", stacklevel=1)
    print("the password is hunter22")
    status = 500 if scope["path"] == "/bad" else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"secret: hunter22"})
