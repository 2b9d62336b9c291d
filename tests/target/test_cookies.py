import pytest

from asgi_probe.target.cookies import Jar
from asgi_probe.target.http import httpx

HERE = "http://127.0.0.1:8000/a/b"


def jar_with(*set_cookies: str, url: str = HERE) -> Jar:
    jar = Jar()
    jar.collect(httpx.URL(url), set_cookies)
    return jar


@pytest.mark.parametrize(
    ("set_cookies", "url", "expected"),
    [
        (["sid=1"], "http://127.0.0.1:8000/a/c", "sid=1"),
        (["sid=1"], "http://127.0.0.1:8000/other", ""),
        (["sid=1; Path=/"], "http://127.0.0.1:8000/other", "sid=1"),
        (["a=1; Path=/", "b=2; Path=/"], "http://127.0.0.1:8000/", "a=1; b=2"),
        (["a=1; Path=/", "a=2; Path=/"], "http://127.0.0.1:8000/", "a=2"),
        (["a=1; Path=/"], "http://127.0.0.1:9000/", ""),
        (["a=1; Path=/"], "http://127.0.0.2:8000/", ""),
        (["a=1; Path=/; Secure"], "http://127.0.0.1:8000/", ""),
        (["a=1; Path=/; Max-Age=0"], "http://127.0.0.1:8000/", ""),
        (["a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "http://127.0.0.1:8000/", ""),
        (["a=1; Path=/; HttpOnly; SameSite=Lax"], "http://127.0.0.1:8000/", "a=1"),
        (["a=1; Path=/; Domain=evil.example"], "http://127.0.0.1:8000/", ""),
        (["", "=", ";;;", "\x00"], "http://127.0.0.1:8000/a/b", ""),
    ],
)
def test_cookies_go_where_they_belong(set_cookies, url, expected):
    assert jar_with(*set_cookies).header(httpx.URL(url)) == expected


@pytest.mark.parametrize(
    ("url", "set_cookie", "to", "expected"),
    [
        ("https://shop.example.com/", "a=1; Secure", "https://shop.example.com/x", "a=1"),
        ("https://shop.example.com/", "a=1; Secure", "http://shop.example.com:443/x", ""),
        ("https://shop.example.com/", "a=1", "https://api.example.com/x", ""),
        ("https://shop.example.com/", "a=1; Domain=example.com", "https://api.example.com/x", "a=1"),
        ("https://shop.example.com/", "a=1; Domain=com", "https://api.example.com/x", ""),
        ("http://testserver/", "a=1", "http://testserver/x", "a=1"),
        ("http://[::1]:8000/", "a=1", "http://[::1]:8000/x", "a=1"),
        ("http://[::1]:8000/", "a=1", "http://[::1]:9000/x", ""),
    ],
)
def test_hosts_and_domains(url, set_cookie, to, expected):
    assert jar_with(set_cookie, url=url).header(httpx.URL(to)) == expected


def test_an_empty_jar_has_nothing_to_say():
    assert Jar().header(httpx.URL(HERE)) == ""
    assert list(Jar()) == []


def test_a_copy_has_a_life_of_its_own():
    jar = jar_with("a=1; Path=/")
    copy = jar.copy()
    copy.collect(httpx.URL(HERE), ["a=2; Path=/", "b=3; Path=/"])
    assert jar.header(httpx.URL(HERE)) == "a=1"
    assert copy.header(httpx.URL(HERE)) == "a=2; b=3"


def test_a_copy_keeps_ports_apart_as_well():
    copy = jar_with("a=1; Path=/").copy()
    assert copy.header(httpx.URL("http://127.0.0.1:9000/")) == ""


def test_what_is_added_wins():
    jar = jar_with("a=1; Path=/", "b=1; Path=/")
    jar.add(jar_with("a=2; Path=/"))
    assert sorted(jar.header(httpx.URL(HERE)).split("; ")) == ["a=2", "b=1"]


def test_iterating_gives_the_cookies():
    assert [(cookie.name, cookie.value) for cookie in jar_with("a=1; Path=/")] == [("a", "1")]
