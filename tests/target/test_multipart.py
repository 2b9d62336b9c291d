from email import message_from_bytes
from email.policy import HTTP

from asgi_probe.exchange import Part
from asgi_probe.target.multipart import encode


def parsed(body: bytes, boundary: str):
    message = message_from_bytes(
        f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n".encode() + body, policy=HTTP
    )
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part["content-type"],
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def test_parts_come_through():
    parts = [
        Part("plain", b"value"),
        Part("file", bytes(range(256)), filename="a.bin"),
        Part("picture", b"png", filename="a.png"),
        Part("typed", b"{}", content_type="application/json"),
        Part("plain", b"again"),
    ]
    assert parsed(encode(parts, "xyz"), "xyz") == [
        ("plain", None, None, b"value"),
        ("file", "a.bin", "application/octet-stream", bytes(range(256))),
        ("picture", "a.png", "image/png", b"png"),
        ("typed", None, "application/json", b"{}"),
        ("plain", None, None, b"again"),
    ]


def test_no_parts_are_a_body_too():
    assert encode([], "xyz") == b"--xyz--\r\n"


def test_names_cannot_break_out_of_their_quotes():
    body = encode([Part('a"\r\nx: y', b"v", filename='f"\r\n.txt')], "xyz")
    assert b'name="a%22%0D%0Ax: y"; filename="f%22%0D%0A.txt"' in body
    assert body.count(b"\r\n") == 6


def test_names_are_utf8():
    assert 'name="grün"'.encode() in encode([Part("grün", b"")], "xyz")
