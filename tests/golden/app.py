import json

JSON = (b"content-type", b"application/json")
TEXT = (b"content-type", b"text/plain")
SHOP = {
    "id": 7,
    "name": "Tomato & Sons",
    "open": True,
    "items": [
        {"sku": "A-1", "qty": 2, "price": 1.5, "tags": ["red", "round"]},
        {"sku": "B-2", "qty": 0, "price": 20, "tags": []},
    ],
}
asked = []


async def app(scope, receive, send):
    assert scope["type"] == "http"
    asked.append(scope["path"])
    status, headers, body = answer(scope["path"])
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def answer(path):
    match path:
        case "/text":
            return 200, [TEXT, (b"content-length", b"28")], b"Hello,\nthis is plain text.\n\n"
        case "/evil":
            return 200, [TEXT], b"\x1b[31mred\x1b[0m [bold]bold[/bold] ::error::oops"
        case "/flaky":
            return 200 if asked.count(path) > 2 else 503, [], b""
        case "/missing":
            return 404, [JSON], b'{"detail": "Not Found"}'
        case "/raise":
            return priced({"sku": "A-1"})
        case "/broken":
            return 200, [JSON], b'{"a": 1,\n "b": }'
        case _:
            return 200, [JSON, (b"set-cookie", b"sid=abc; Path=/; HttpOnly")], json.dumps(SHOP).encode()


def priced(line):
    raise LookupError(f"no price for {line['sku']}")
