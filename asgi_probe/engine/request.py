"""A step's request, compiled: rendering it with a scope gives what is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgi_probe.engine.pairs import Pairs, compile_pairs, wire
from asgi_probe.engine.payload import Payload, PayloadPlan, compile_payload
from asgi_probe.exchange import Ask, Credentials
from asgi_probe.spec import units
from asgi_probe.spec.source import Mapping, is_null
from asgi_probe.spec.template import VariableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Dict

    from asgi_probe.spec.hooks import Hook
    from asgi_probe.spec.source import Entry, Node
    from asgi_probe.spec.steps import Step
    from asgi_probe.spec.template import Compilation, Value


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds where neither a step nor the file's defaults say it: seconds, and bytes of a body that are kept."""

    timeout: float = 10.0
    max_body: int = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """A request with its variables still open."""

    method: Value
    url: Value
    params: Pairs
    headers: Pairs
    without: frozenset[str]
    cookies: Pairs
    credentials: Callable[[Dict[str, Any]], Credentials | None]
    auth: Hook | None
    """The user's function that makes an `httpx.Auth`."""
    payload: PayloadPlan | None
    max_hops: Callable[[Dict[str, Any]], int]
    timeout: Callable[[Dict[str, Any]], float]
    max_body: Callable[[Dict[str, Any]], int]
    without_params: frozenset[str] = frozenset()

    def render(self, scope: Dict[str, Any]) -> Ask:
        """The request to send; a VariableError says which value could not be made."""
        payload = self.payload(scope) if self.payload else _NO_PAYLOAD
        return Ask(
            self.method.render(scope).upper(),
            self.url.render(scope),
            self.params(scope),
            self.headers(scope),
            self.without,
            dict(self.cookies(scope)),
            self.credentials(scope),
            payload.body,
            payload.parts,
            payload.content_type,
            self.max_hops(scope),
            self.timeout(scope),
            self.max_body(scope),
            self.without_params,
        )


_NO_PAYLOAD = Payload()


def compile_request(step: Step, fields: dict[str, Entry], limits: Limits, compilation: Compilation) -> RequestPlan:
    """Compile the request keys of a step, defaults already merged into `fields`."""
    _refuse_two_credentials(fields, compilation)
    return RequestPlan(
        compilation.text(step.method_node),
        compilation.text(step.url),
        compile_pairs(fields.get("params"), "a query", compilation),
        compile_pairs(fields.get("headers"), "a header", compilation),
        _taken_away(fields.get("headers")) | _without_auth(fields.get("auth")),
        compile_pairs(fields.get("cookies"), "a cookie", compilation),
        _credentials(fields.get("auth"), compilation),
        _auth_hook(fields.get("auth"), compilation),
        compile_payload(fields, compilation),
        _setting(fields.get("follow_redirects"), units.hops, 0, compilation),
        _setting(fields.get("timeout"), units.duration, limits.timeout, compilation),
        _setting(fields.get("max_body"), units.size, limits.max_body, compilation),
        _params_taken_away(fields.get("params")),
    )


def _setting(
    entry: Entry | None, read: Callable[[Node, Compilation], Value], default: Any, compilation: Compilation
) -> Callable[[Dict[str, Any]], Any]:
    if entry is None or is_null(entry.value):
        return lambda _: default
    return read(entry.value, compilation).render


def _taken_away(headers: Entry | None) -> frozenset[str]:
    if headers is None or not isinstance(headers.value, Mapping):
        return frozenset()
    return frozenset(name.lower() for name, entry in headers.value.entries.items() if is_null(entry.value))


def _without_auth(auth: Entry | None) -> frozenset[str]:
    """`auth: null` takes the target's credentials away."""
    return frozenset({"authorization"}) if auth is not None and is_null(auth.value) else frozenset()


def _params_taken_away(params: Entry | None) -> frozenset[str]:
    if params is None or not isinstance(params.value, Mapping):
        return frozenset()
    return frozenset(name for name, entry in params.value.entries.items() if is_null(entry.value))


def _refuse_two_credentials(fields: dict[str, Entry], compilation: Compilation) -> None:
    headers, auth = fields.get("headers"), fields.get("auth")
    if auth is None or is_null(auth.value) or headers is None or not isinstance(headers.value, Mapping):
        return
    for name, entry in headers.value.entries.items():
        if name.lower() == "authorization" and not is_null(entry.value):
            compilation.problems.add(
                entry,
                "an authorization header beside 'auth': one of them would be lost",
                "take one away; `auth: null` or `authorization: null` drops what the defaults give",
            )


def _credentials(entry: Entry | None, compilation: Compilation) -> Callable[[Dict[str, Any]], Credentials | None]:
    """Compile `auth`; what the spec's shapes have told already is passed over."""
    if entry is None or not isinstance(entry.value, Mapping) or len(entry.value.entries) != 1:
        return _no_credentials
    ((scheme, given),) = entry.value.entries.items()
    match scheme:
        case "basic" | "digest":
            return _user_and_password(scheme, given.value, compilation)
        case "bearer":
            token = compilation.value(given.value)
            return lambda scope: Credentials("bearer", wire(token.render(scope), given.value))
        case "netrc":
            wanted = units.flag(given.value, compilation)
            return lambda scope: Credentials("netrc") if wanted.render(scope) else None
        case _:
            return _no_credentials


def _auth_hook(entry: Entry | None, compilation: Compilation) -> Hook | None:
    if entry is None or not isinstance(entry.value, Mapping) or "call" not in entry.value.entries:
        return None
    hook = compilation.hook(entry.value.entries["call"].value)
    if hook is not None:
        hook.given = ()
    return hook


def _no_credentials(_: Dict[str, Any]) -> None:
    return None


def _user_and_password(
    scheme: str, node: Node, compilation: Compilation
) -> Callable[[Dict[str, Any]], Credentials | None]:
    value = compilation.value(node)

    def render(scope: Dict[str, Any]) -> Credentials:
        given = value.render(scope)
        if not isinstance(given, list) or len(given) != 2:
            raise VariableError(f"'{scheme}' wants a user and a password", node)
        return Credentials("basic" if scheme == "basic" else "digest", wire(given[0], node), wire(given[1], node))

    return render
