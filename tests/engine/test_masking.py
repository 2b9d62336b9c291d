import json
import re
from base64 import b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_probe.engine.secrets import MASK, Mask, Secrets
from tests.engine.projects import Ran
from tests.engine.test_language import Service

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
        repr(SECRET.encode())[2:-1],
        quote(SECRET, safe="!'()*"),
        "p&ss%20%22w%C3%B6rd%22/+\\",
        "p&ss%20%22w%C3%B6rd%22%2F+%5C",
        "p&amp;ss &quot;wörd&quot;/+\\",
        "p&amp;ss &#34;wörd&#34;/+\\",
        'p&amp;ss "wörd"/+\\',
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


@pytest.mark.parametrize(
    ("told", "masked"),
    [
        ("got 'xx correct-h'… came", "got 'xx ***'… came"),
        ("got xx correct-h…", "got xx ***…"),
        ('got "CORRECT"…', 'got "***"…'),
        ("…'horse-battery and more' came", "…'*** and more' came"),
        ("…'horse-battery' came", "…'***' came"),
        ("…'rect-hor'… came", "…'***'… came"),
        ("…horse-battery", "…***"),
        ("'corr'…, 'tery'…", "'***'…, 'tery'…"),
        ("correctly… said", "correctly… said"),
        ("'cor'…", "'cor'…"),
        ("…'ery' came", "…'ery' came"),
        ("…", "…"),
        ("b aabaa aaba'… or so", "b aabaa ***'… or so"),
    ],
)
@pytest.mark.parametrize("others", [[], [f"{number} others" for number in range(200)]], ids=["few", "many"])
def test_what_a_cut_has_left_of_a_secret_is_masked(told: str, masked: str, others: list[str]) -> None:
    assert Secrets(["correct-horse-battery", "aabaab", *others]).mask(told) == masked


@pytest.mark.anyio
async def test_no_message_of_a_mismatch_tells_a_part_of_a_secret(tmp_path):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        lead = 290 if scope["path"] == "/long" else 70
        await send({"type": "http.response.body", "body": b"x" * lead + b"correct-horse-battery and more" + b"y" * 400})

    text = f"""\
secrets: [token]
vars: {{token: correct-horse-battery, near: {"x" * 70}correct-horse-buttery and}}
checks:
  - {{get: /, expect: {{text: y}}}}
  - {{get: /, expect: {{text: "${{near}}"}}}}
  - {{get: /, expect: {{text: {{$contains: "no ${{token}}"}}}}}}
  - {{get: /long, expect: {{json: {{}}}}}}
"""
    ran = await Ran(tmp_path, text, app=app).ended()
    found = [each for event in ran.events for each in getattr(event, "mismatches", ())]
    messages = [each.message for each in found]
    assert len(messages) == 8
    assert "x" * 290 + "***…" in [each.actual for each in found]
    assert [message for message in messages if re.search("xcorr|horse-ba|battery", message)] == []
    assert "…'*** and moreyyyyy'… came" in "".join(messages)


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


@pytest.mark.anyio
@pytest.mark.parametrize("word", ["pass:w0rd", "p@ss:w0rd", "9.9.9.999", "w0rd\nnext"])
async def test_no_part_of_a_secret_stands_in_the_reason_of_a_wrong_address(tmp_path, word):
    text = "secrets: word\nchecks: [{name: c, get: 'http://ada:${word}/'}]"
    ran = await Ran(tmp_path, text, app=Service(), given={"word": word}).ended()
    assert ran.outcomes == {"c": "error"}
    assert not [part for part in re.split(r"[:@\n]", word) if f"'{part}" in repr(ran.events)]
    assert "w0rd" not in repr(ran.events)


WORDS = st.lists(st.text("abAB9-", min_size=4, max_size=7), min_size=1, max_size=4)


@given(words=WORDS, text=st.lists(st.sampled_from("abAB9-äİ*") | st.text("abAB9-", max_size=9)).map("".join))
def test_many_and_few_give_the_same(words, text):
    many, few = Mask(frozenset([*words, *MANY])), Mask(frozenset(words))
    assert many(text) == few(text)
    assert many(text.encode()) == few(text.encode())


MANY = [f"zz{number:04}zz" for number in range(100)]


def test_many_are_found_in_long_texts():
    mask = Mask(frozenset(f"aaaa{number:05}" for number in range(100)))
    assert mask("a" * 200_000 + "AAAA00001") == "a" * 200_000 + MASK


@pytest.mark.parametrize("others", [[], MANY])
def test_other_ways_of_writing_a_secret(others):
    secrets = Secrets(others, above=Secrets(["Shop-Word", 'say "x"']))
    assert secrets.mask("http://shop-word.example/") == "http://***.example/"
    inner = json.dumps({"said": 'say "x"'})
    assert "say" not in secrets.mask(json.dumps({"body": inner}))
