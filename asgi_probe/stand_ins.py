"""Characters in ASCII: our own glyphs as what looks like them, all else as its escape."""

from __future__ import annotations

import codecs


def escaped(code: int) -> str:
    r"""A character by its number, as Python writes it: `\x1b`, `\u202e`, `\U000e0001`."""
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_STAND_INS = {
    "✓": "+", "✗": "x", "↻": "~", "○": "-", "■": "#", "…": "...", "→": "->", "←": "<-", "·": "-", "━": "=", "─": "-",
    "≤": "<=",
}  # fmt: skip


def encodable(text: str, encoding: str) -> str:
    """`text` in characters that the encoding has: our own glyphs become ASCII stand-ins, all else escapes."""
    return text if text.isascii() else text.encode(encoding, "asgi_probe.stand_in").decode(encoding)


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_STAND_INS.get(char) or escaped(ord(char)) for char in found), error.end


codecs.register_error("asgi_probe.stand_in", _stand_in)
