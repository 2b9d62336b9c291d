"""httpx without its command line, whose import (click, rich, pygments) costs as much again as all the rest."""

from __future__ import annotations

import sys

if "httpx" not in sys.modules:
    # None in sys.modules makes `from ._main import main` an ImportError, which httpx expects and handles
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # this is how the import system spells "absent"
    import httpx

    del sys.modules["httpx._main"]
else:
    import httpx

__all__ = ["httpx"]
