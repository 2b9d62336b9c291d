"""The names of `$is`: what each holds for, and what it does not."""

import pytest

from asgi_probe.judge.kinds import KINDS

UUID = "0b9e3f26-6d1c-4a6b-8a59-8f0e2a3b4c5d"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSJ9.c2ln"

CASES = {
    "null": ([None], [0, "", False, "null"]),
    "boolean": ([True, False], [0, 1, "true", None]),
    "integer": ([0, -5, 1.0, 10**400], [1.5, True, "1", None, float("inf")]),
    "number": ([0, 1.5, 10**400], [True, "1", None]),
    "string": (["", "a"], [1, None, ["a"]]),
    "array": ([[], [1]], [{}, "a", None]),
    "object": ([{}, {"a": 1}], [[], None]),
    "uuid": (
        [UUID, UUID.upper(), "00000000-0000-0000-0000-000000000000"],
        [UUID[:-1], UUID.replace("-", ""), f"{{{UUID}}}", UUID + "\n", 5],
    ),
    "date": (
        ["2024-02-29", "0001-01-01"],
        ["2023-02-29", "2024-1-1", "2024-13-01", "20240101", "2024-01-01T00:00:00Z", "\u0662024-01-01", 20240101],
    ),
    "datetime": (
        ["2024-01-01T00:00:00Z", "2024-01-01t23:59:60.5+01:00", "2024-01-01 00:00:00", "2024-01-01T00:00:00.123456789"],
        [
            "2024-01-01",
            "2024-01-01T00:00",
            "2024-01-01T24:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-01-01T00:00:00+0100",
            "2024-01-01T00:00:00Zx",
        ],
    ),
    "time": (
        ["00:00:00", "23:59:60Z", "12:30:00.5-23:59"],
        ["24:00:00", "12:30", "1:2:3", "12:30:00+1", "12:60:00", ""],
    ),
    "email": (
        [
            "a@b.c",
            "a.b+c@localhost",
            '"a b"@x.org',
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "ü@münchen.de",
            "a" * 64 + "@x.org",
        ],
        [
            "a",
            "@b",
            "a@",
            "a..b@c",
            ".a@c",
            "a@-b.c",
            "a@b..c",
            "a b@c.d",
            "a@b@c",
            "a" * 65 + "@x.org",
            "a@[300.0.0.1]",
            "a@[x",
            "a@b_c.d",
            "a@" + "b." * 130 + "c",
        ],
    ),
    "uri": (
        [
            "http://a",
            "http://u:p@h:80/p?q#f",
            "mailto:a@b.c",
            "urn:isbn:1",
            "http://[::1]:8/",
            "a:",
            "http://a/%20",
            "file:///etc",
            "http://[v1.x]/",
        ],
        [
            "/a",
            "a",
            "http://a b",
            "http://a/%2",
            "http://[::g]/",
            "1a:b",
            "http://a:x/",
            "http://é/",
            "http://a/<>",
            "",
            "http://a#b#c",
        ],
    ),
    "hostname": (
        ["a", "a.b-c.d1", "xn--a", "a" * 63],
        ["", "-a", "a-", "a..b", "a_b", "a" * 64, "a.", "a." * 127 + "ab", "a b"],
    ),
    "ipv4": (["0.0.0.0", "255.255.255.255"], ["256.0.0.1", "1.2.3", "01.2.3.4", "1.2.3.4.5", "1.2.3.4\n"]),
    "ipv6": (["::", "::1", "2001:db8::1", "::ffff:1.2.3.4"], ["1.2.3.4", ":::", "fe80::1%eth0", "g::1", "[::1]"]),
    "base64": (["", "YQ==", "YWI=", "YWJj", "-_8=", "+/8="], ["YQ", "YQ=", "Y", "a b=", "+_8=", "YQ==\n", 5]),
    "json": (["1", "{}", ' "a" ', "[1]"], ["", "{", "NaN", "a", "[1,]", 1]),
    "jwt": (
        [TOKEN, TOKEN.rpartition(".")[0] + "."],
        ["a.b.c", TOKEN + ".x", "", TOKEN.replace("eyJ", "*", 1), "W10.W10.x", TOKEN.partition(".")[2]],
    ),
    "empty": (["", [], {}], [" ", [0], {"a": 1}, None, 0, False]),
    "present": ([None, 0, ""], []),
    "absent": ([], [None, 0, ""]),
    "sorted": (
        [[], [1], [1, 1, 2.5], ["a", "b"], [{}]],
        [[2, 1], ["b", "a"], [1, "a"], [None, None], [True, False], "ab", [1, True]],
    ),
    "unique": (
        [[], [1, "1", True, None], [[1], [2]], [{"a": 1}, {"a": 2}]],
        [[1, 1.0], [{"a": 1, "b": 2}, {"b": 2, "a": 1}], [[], []], "ab", None],
    ),
}


def test_every_name_has_cases():
    assert list(CASES) == list(KINDS)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (good, _) in CASES.items() for value in good])
def test_is(name, value):
    assert KINDS[name][0](value)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (_, bad) in CASES.items() for value in bad])
def test_is_not(name, value):
    assert not KINDS[name][0](value)


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("absent", "present")])
def test_hostile_texts_are_judged_quickly(name):
    for text in (
        "a" * 100_000,
        "a." * 50_000,
        "1" * 100_000,
        "http://" + "a" * 100_000 + "<",
        '"' + "\\a" * 50_000,
        "[" * 100_000,
        "\ud800",
    ):
        KINDS[name][0](text)
