"""Who is there: passwords, tokens, sessions, keys."""

import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated
from urllib.request import parse_http_list, parse_keqv_list

from fastapi import APIRouter, Body, Depends, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse
from fastapi.security import APIKeyHeader, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from asgi_probe.demo.database import Row

USERS = {"ada": "lovelace", "grace": "hopper"}
SESSION_SECONDS = 1800
REALM = "shop"
KEY = secrets.token_bytes(32)
NONCE = secrets.token_hex(16)
API_KEY = "key-of-the-shop"

routes = APIRouter()


@routes.post("/login")
async def login(
    user: Annotated[str, Body()], password: Annotated[str, Body()], request: Request, response: Response
) -> Row:
    """A token, which is also the session's cookie."""
    if not knows(user, password):
        raise HTTPException(401, "no such user, or another password")
    token = token_for(user)
    request.state.sessions[token] = user
    response.set_cookie("session", token, max_age=SESSION_SECONDS, httponly=True, samesite="lax")
    return {"access_token": token, "token_type": "bearer", "expires_in": SESSION_SECONDS}


@routes.post("/logout", status_code=204)
async def logout(request: Request, response: Response) -> None:
    request.state.sessions.pop(request.cookies.get("session"), None)
    response.delete_cookie("session")


@routes.get("/me")
async def me(
    request: Request,
    basic: Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(realm=REALM, auto_error=False))],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> dict[str, str]:
    """Who asks, by bearer token, by password or by the session's cookie."""
    sessions: dict[str, str] = request.state.sessions
    if basic and knows(basic.username, basic.password):
        return {"user": basic.username, "by": "basic"}
    if bearer and bearer.credentials in sessions:
        return {"user": sessions[bearer.credentials], "by": "bearer"}
    if (cookie := request.cookies.get("session")) in sessions:
        return {"user": sessions[cookie], "by": "cookie"}
    raise HTTPException(401, "who are you?", {"www-authenticate": f'Basic realm="{REALM}"'})


@routes.get("/token")
async def token() -> PlainTextResponse:
    """A guest's token, bare."""
    return PlainTextResponse(token_for("guest"))


@routes.get("/vault")
async def vault(request: Request) -> dict[str, str]:
    """For digest authentication (RFC 7616) only."""
    scheme, _, fields = request.headers.get("authorization", "").partition(" ")
    given = parse_keqv_list(parse_http_list(fields)) if scheme.lower() == "digest" else {}
    if given.get("nonce") != NONCE or not hmac.compare_digest(given.get("response", "").encode(), digest(given)):
        wanted = f'Digest realm="{REALM}", qop="auth", algorithm=SHA-256, nonce="{NONCE}"'
        raise HTTPException(401, "the vault wants a digest", {"www-authenticate": wanted})
    return {"user": given["username"], "by": "digest"}


@routes.get("/reports")
async def reports(key: Annotated[str, Depends(APIKeyHeader(name="x-api-key", auto_error=False))]) -> Row:
    """For who has the key."""
    if not hmac.compare_digest((key or "").encode(), API_KEY.encode()):
        raise HTTPException(403 if key else 401, "another key" if key else "a key, please")
    return {"reports": ["january", "february"]}


def digest(given: dict[str, str]) -> bytes:
    """The response that a client with the right password gives."""
    user = given.get("username", "")
    owner = sha256(f"{user}:{REALM}:{USERS.get(user, secrets.token_hex())}".encode()).hexdigest()
    asked = sha256(f"GET:{given.get('uri')}".encode()).hexdigest()
    rest = f"{NONCE}:{given.get('nc')}:{given.get('cnonce')}:{given.get('qop')}"
    return sha256(f"{owner}:{rest}:{asked}".encode()).hexdigest().encode()


def knows(user: str, password: str) -> bool:
    return user in USERS and hmac.compare_digest(USERS[user].encode(), password.encode())


def token_for(user: str) -> str:
    """A JWT, signed with HS256."""
    now = int(datetime.now(UTC).timestamp())
    claims = {"sub": user, "iat": now, "exp": now + SESSION_SECONDS, "jti": secrets.token_hex(8)}
    head = b".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return b".".join((head, _base64url(hmac.digest(KEY, head, "sha256")))).decode()


def _base64url(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")
