import shlex
from base64 import b64decode

import pytest

from asgi_probe.engine.records import LONGEST_BODY, body_record, curl_line, request_record, response_record
from asgi_probe.engine.results import Body
from asgi_probe.exchange import Answer, Sent


def same(told):
    return told


@pytest.mark.parametrize(
    ("body", "size", "record"),
    [
        (b"", 0, None),
        (b"abc", 3, Body("abc", 3)),
        ("é".encode(), 2, Body("é", 2)),
        (b"abc", 10, Body("abc", 10, truncated=True)),
        (b"\xff\x00", 2, Body("/wA=", 2, encoding="base64")),
        (b"\xff\x00", 9, Body("/wA=", 9, truncated=True, encoding="base64")),
    ],
)
def test_bodies(body: bytes, size: int, record: Body | None) -> None:
    assert body_record(body, size, whole=size == len(body)) == record


@pytest.mark.parametrize("char", ["é", "€", "🍅"])
@pytest.mark.parametrize("offset", range(4))
def test_a_cut_never_breaks_a_character(char: str, offset: int) -> None:
    body = b"x" * (LONGEST_BODY - offset) + char.encode() * 4
    record = body_record(body, len(body))
    assert record is not None
    assert record.truncated
    assert record.encoding is None
    assert body.decode().startswith(record.text)
    assert len(record.text.encode()) > LONGEST_BODY - 4


def test_binary_bodies_are_cut_too() -> None:
    record = body_record(b"\xff" * (LONGEST_BODY + 1), LONGEST_BODY + 1)
    assert record is not None
    assert len(b64decode(record.text)) == LONGEST_BODY
    assert record.truncated


def test_credentials_in_headers_are_masked() -> None:
    headers = [("Authorization", "Bearer secret"), ("cookie", "sid=secret"), ("X-Api-Key", "secret"), ("accept", "*/*")]
    request = request_record(Sent("GET", "http://h/", headers, b""), same)
    assert dict(request.headers) == {"Authorization": "***", "cookie": "***", "X-Api-Key": "***", "accept": "*/*"}
    answer = response_record(Answer(200, [("set-cookie", "sid=secret"), ("x", "y")], b"", 0, "http://h/"), same)
    assert answer.headers == (("set-cookie", "***"), ("x", "y"))
    assert "secret" not in curl_line(request)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (
            Sent("GET", "http://h/a?b=c d", [("host", "h"), ("x", "it's")], b""),
            ["curl", "-i", "http://h/a?b=c d", "-H", "x: it's"],
        ),
        (Sent("HEAD", "http://h/", [], b""), ["curl", "-i", "--head", "http://h/"]),
        (Sent("POST", "http://h/", [], b"{}"), ["curl", "-i", "http://h/", "--data-raw", "{}"]),
        (Sent("POST", "http://h/", [], b""), ["curl", "-i", "-X", "POST", "http://h/"]),
        (Sent("GET", "http://h/", [], b"x"), ["curl", "-i", "-X", "GET", "http://h/", "--data-raw", "x"]),
        (Sent("PUT", "http://h/", [], b"\xff"), ["curl", "-i", "-X", "PUT", "http://h/", "--data-binary", "@body"]),
    ],
)
def test_the_curl_line_says_the_request_again(sent: Sent, words: list[str]) -> None:
    assert shlex.split(curl_line(request_record(sent, same))) == words


def test_the_curl_line_has_the_targets_options() -> None:
    request = request_record(Sent("GET", "https://h/", [], b""), same)
    assert curl_line(request, ["--cacert", "my ca.pem"]) == "curl -i --cacert 'my ca.pem' https://h/"


def test_a_body_with_carriage_returns_survives_being_copied() -> None:
    request = request_record(Sent("POST", "http://h/", [], b"a'b\\\r\n\x01"), same)
    assert curl_line(request).endswith("--data-raw $'a\\'b\\\\\\x0d\\x0a\\x01'")
