from base64 import b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_probe.engine.secrets import MASK, Mask, Secrets

SECRET = 'p&ss "wörd"/+\\'


@pytest.mark.parametrize(
    "told",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        '{"t": "p&ss \\"w\\u00f6rd\\"/+\\\\"}',
        '{"t": "p&ss \\"wörd\\"/+\\\\"}',
        b64encode(SECRET.encode()).decode(),
        repr(SECRET)[1:-1],
    ],
)
def test_every_form_is_masked(told: str) -> None:
    secrets = Secrets([SECRET])
    masked = secrets.mask(f"before {told} after")
    assert told not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert MASK in masked


@given(user=st.text("abcXYZ019", max_size=9), secret=st.text("abcdefXYZ0123456789-._", min_size=8, max_size=40))
def test_basic_credentials_do_not_tell_the_password(user: str, secret: str) -> None:
    header = b64encode(f"{user}:{secret}".encode()).decode()
    masked = Secrets([secret]).mask(header)
    assert MASK in masked
    assert len(masked.replace(MASK, "")) <= len(b64encode(f"{user}:".encode())) + 8


def test_data_is_masked_in_depth() -> None:
    secrets = Secrets()
    secrets.add({"token": "abcdef", "pin": 123456, "flag": True, "none": None, "short": "abc"})
    assert secrets.values == {"abcdef", "123456"}
    told = {"abcdef": ["x abcdef y", b"\xffabcdef", ("abcdef",), 123456, 7, True, None]}
    assert secrets.mask(told) == {MASK: [f"x {MASK} y", b"\xff***", (MASK,), MASK, 7, True, None]}


def test_without_secrets_the_very_same_is_told() -> None:
    told = {"a": [1]}
    assert Secrets().mask(told) is told


def test_what_is_added_later_is_masked_too() -> None:
    secrets = Secrets(["first-one"])
    assert secrets.mask("first-one second-one") == f"{MASK} second-one"
    secrets.add("second-one")
    assert secrets.mask("first-one second-one") == f"{MASK} {MASK}"


def test_data_nested_without_end_is_masked_whole() -> None:
    deep: list[object] = ["secret!"]
    for _ in range(1000):
        deep = [deep]
    assert "secret!" not in str(Secrets(["secret!"]).mask(deep))


def test_many_secrets_are_found_as_few_are():
    words = [f"secret-{number:05}-{chr(97 + number % 26) * 3}" for number in range(300)]
    many, few = Mask(frozenset(words)), Mask(frozenset(words[:5]))
    text = f"a {words[2]} and {words[3].upper()}{words[4]}, {words[1][:-1]} and the rest"
    assert many(text) == few(text) == "a *** and ******, secret-00001-bb and the rest"
    assert many(text.encode()) == few(text.encode())
    assert many(f"x {words[299]}") == "x ***"
    assert Mask(frozenset([*words, "secret-00001-bb"]))(words[1]) == "***", "the longest is found first"


def test_a_check_looks_for_its_files_secrets_too():
    above = Secrets(["hunter22"])
    mine = Secrets(above=above)
    assert mine
    assert mine.mask("hunter22, abcdef") == "***, abcdef"
    mine.add("abcdef")
    mine.add("hunter22")
    assert mine.values == {"abcdef"}
    assert mine.mask(["hunter22", "abcdef"]) == ["***", "***"]
    assert above.mask("abcdef") == "abcdef"
    assert not Secrets(above=Secrets())


def test_what_others_found_is_taken_in_while_there_is_room():
    all_of_them = Secrets()
    all_of_them.learn({"hunter22"}, 1)
    all_of_them.learn({"hunter33"}, 1)
    assert all_of_them.values == {"hunter22"}
