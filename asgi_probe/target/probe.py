"""The probe: what a hook, the user's own Python, gets of the check that calls it."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from asgi_probe.target.request import without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asgi_probe.exchange import Answer
    from asgi_probe.target.base import Target
    from asgi_probe.target.http import httpx
    from asgi_probe.target.session import Session

_NO_APP = "there is no app in a live run; `when: {target: app}` skips the check there"


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """Whom a check asks: `address` is the app's import string or the base URL, `base_url` what paths are joined to."""

    name: str = "app"
    kind: Literal["app", "live"] = "app"
    address: str = ""
    base_url: str = "http://testserver"


class Probe:
    """What a hook gets. In a unit test of a hook make one of what the hook needs: `Probe(vars={"id": 1}, app=app)`.

    - `vars`: the check's variables as they are now, to be read; a mapping that the hook returns is saved.
    - `response`: the answer as an `httpx.Response`, read to its end; None where there is none.
    - `target`: whom the check asks: `name`, `kind` (`app` or `live`), `address`, `base_url`.
    - `app`: the app, in process; an AttributeError in a live run.
    - `client`: an `httpx.AsyncClient` on the same target, with the check's cookies, the target's headers, parameters,
      credentials and rate. Absolute URLs on other hosts go over the network without them.
    """

    __slots__ = ("_app", "_client", "_response", "target", "vars")

    def __init__(
        self,
        *,
        vars: Mapping[str, Any] | None = None,  # noqa: A002 - the language's own word
        response: httpx.Response | None = None,
        target: ProbeTarget | None = None,
        app: Any = None,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self.vars: Mapping[str, Any] = MappingProxyType({} if vars is None else vars)
        self.target = target or ProbeTarget()
        self._app = app
        self._response: httpx.Response | Callable[[], httpx.Response] | None = response
        self._client: httpx.AsyncClient | Callable[[], httpx.AsyncClient] | None = client

    @property
    def response(self) -> httpx.Response | None:
        """The answer that was judged, or None."""
        if callable(self._response):
            self._response = self._response()
        return self._response

    @property
    def app(self) -> Any:
        """The app in process, as it was imported or its factory made it."""
        if self.target.kind == "live":
            raise AttributeError(_NO_APP)
        return self._app

    @property
    def client(self) -> httpx.AsyncClient:
        """A client for more requests; it is closed when the check ends."""
        if self._client is None:
            raise AttributeError("this probe was made without a client")
        return self._client() if callable(self._client) else self._client


def probe_for(session: Session, scope: dict[str, Any], answer: Answer | None, target: Target) -> Probe:
    """The probe of a check: `scope` are its variables, `answer` is what the session's last request got."""
    base_url = str(without_credentials(target.base)).rstrip("/")
    about = ProbeTarget(target.name, target.kind, target.address, base_url)
    probe = Probe(vars=scope, target=about, app=getattr(target, "app", None))
    probe._client = lambda: session.client  # noqa: SLF001 - made when it is asked for: most hooks need none
    probe._response = _response_of(answer, session.request)  # noqa: SLF001 - likewise
    return probe


def _response_of(answer: Answer | None, request: httpx.Request | None) -> Callable[[], httpx.Response] | None:
    if answer is None:
        return None

    def build() -> httpx.Response:
        from asgi_probe.target.http import httpx
        from asgi_probe.target.response import as_response

        return as_response(answer, request or httpx.Request("GET", answer.url))

    return build
