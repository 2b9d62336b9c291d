"""Who may ask: own names of the machine without a token, else whoever has it."""

import re

import pytest

from asgi_probe.errors import UsageError
from asgi_probe.serving.guard import checked_token, is_loopback
from tests.serving.runs import Served, check, run

TOKEN = "correct-horse-battery"
PATHS = ("/", "/metrics", "/api/runs", "/api/runs/1", "/api/checks", "/openapi.json", "/nothing")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "[::1]", "localhost", "LOCALHOST", "localhost."])
def test_loopback(host):
    assert is_loopback(host)
    assert checked_token(None, host) is None
    assert checked_token(TOKEN, host) == TOKEN


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "10.0.0.1", "example.com", "localhost.example.com", "127.0.0.1.x"]
)
def test_for_other_machines_a_token_is_needed(host):
    assert not is_loopback(host)
    with pytest.raises(UsageError, match="needs a token: say --token, or set ASGI_PROBE_TOKEN"):
        checked_token(None, host)
    assert checked_token(TOKEN, host) == TOKEN


@pytest.mark.parametrize("token", ["", "short", "x" * 15, "with a blank in it", "x" * 20 + "\n", "passwörter-sind-gut"])
def test_a_token_that_is_no_good(token):
    with pytest.raises(UsageError, match="expected at least 16 printable ASCII characters") as told:
        checked_token(token, "127.0.0.1")
    assert not token or token not in str(told.value)


@pytest.mark.parametrize("host", ["localhost", "localhost:8646", "127.0.0.1:1", "[::1]:8646", "[::1]"])
def test_own_names(host):
    assert Served().ask("/api/runs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8646",
        "localhost.evil.example",
        "127.0.0.1.evil.example:1",
        "192.168.0.1",
        "",
        "x:y",
    ],
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics"])
def test_other_names_may_be_anybody_s(host, path):
    answer = Served().ask(path, headers={"host": host})
    assert answer.status_code == 421
    assert "localhost" in answer.text


def test_with_a_token_names_do_not_matter():
    headers = {"host": "probes.example", "authorization": f"Bearer {TOKEN}"}
    assert Served(token=TOKEN).ask("/api/runs", headers=headers).status_code == 200


WRONG = [
    {},
    {"authorization": "Bearer nope"},
    {"authorization": f"Basic {TOKEN}"},
    {"authorization": f"Bearer {TOKEN}x"},
    {"authorization": f"Bearer {TOKEN[:-1]}"},
    {"authorization": "Bearer"},
    {"authorization": b"Bearer \xff\xfe"},
    {"cookie": f"asgi_probe_8646={TOKEN}"},
    {"cookie": "asgi_probe_8646=; \x01=;;;"},
    {"cookie": b"expires\xff=1; a[]=2; asgi_probe_8646"},
]


@pytest.mark.parametrize("headers", WRONG, ids=map(str, range(len(WRONG))))
@pytest.mark.parametrize("path", PATHS)
def test_without_the_token(path, headers):
    served = Served(token=TOKEN)
    served.add(run(check()))
    answer = served.ask(path, headers=headers)
    assert (answer.status_code, answer.text) == (401, "this needs the token\n")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_with_the_token(scheme):
    served = Served(token=TOKEN)
    served.add(run(check()))
    answers = [served.ask(path, headers={"authorization": f"{scheme} {TOKEN}"}) for path in PATHS]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 200, 404]
    assert all(TOKEN not in answer.text for answer in answers)


def test_a_browser_is_let_in():
    served = Served(token=TOKEN)
    served.add(run(check()))
    answer = served.ask(f"/api/runs?limit=5&token={TOKEN}")
    assert (answer.status_code, answer.headers["location"], answer.text) == (303, "/api/runs?limit=5", "")
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(r"asgi_probe_8646=[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Strict", cookie)
    assert TOKEN not in cookie
    kept = cookie.partition(";")[0]
    assert served.ask("/", headers={"cookie": f"other=1; {kept}"}).status_code == 200
    # the token is another: so is what the browser keeps
    assert Served(token=TOKEN + "2").ask("/", headers={"cookie": kept}).status_code == 401


def test_over_tls_the_cookie_is_for_tls():
    answer = Served(token=TOKEN).ask(f"/?token={TOKEN}", base="https://probes.example")
    assert answer.headers["set-cookie"].endswith("; Secure")


def test_from_another_site_a_page_of_ours_leads_on():
    answer = Served(token=TOKEN).ask(f"/?token={TOKEN}", headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, answer.headers["refresh"]) == (200, "0; url=/")
    assert "location" not in answer.headers


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "///evil.example", "/%0d%0ax:y"])
def test_nobody_is_led_elsewhere(path):
    answer = Served(token=TOKEN).ask(f"http://localhost{path}?token={TOKEN}")
    assert answer.status_code == 303
    assert re.match(r"/[^/\\\r\n]", answer.headers["location"])


@pytest.mark.parametrize("asked", ["token=nope", "token=", "token", f"Token={TOKEN}", f"token={TOKEN}&token=x"])
def test_a_wrong_token_in_the_address(asked):
    answer = Served(token=TOKEN).ask(f"/?{asked}")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_only_who_reads_is_let_in_by_the_address():
    assert Served(token=TOKEN).ask(f"/?token={TOKEN}", method="POST").status_code == 401


def test_health_is_public_and_says_less():
    served = Served(token=TOKEN)
    served.add(run(check()))
    assert served.ask("/healthz").json() == {"healthy": True, "reason": None}
    served.add(run(check("secret name", "failed"), exit_code=1))
    answer = served.ask("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"healthy": False, "reason": None})
    told = served.ask("/healthz", headers={"authorization": f"Bearer {TOKEN}"})
    assert "1 failed" in told.json()["reason"]


@pytest.mark.parametrize("path", [*PATHS, "/healthz"])
@pytest.mark.parametrize("token", [None, TOKEN])
def test_headers_that_keep_browsers_from_doing_more(path, token):
    served = Served(token=token)
    headers = served.ask(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers.get_list("content-security-policy") == [headers["content-security-policy"]]
