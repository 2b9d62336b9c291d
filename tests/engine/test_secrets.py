from base64 import b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_probe.engine.secrets import MASK, Secrets

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
