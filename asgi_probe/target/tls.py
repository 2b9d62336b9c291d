"""TLS contexts: whom we trust and who we are. Making one costs 50 ms, so it is made when https is first asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asgi_probe.errors import UsageError

if TYPE_CHECKING:
    from ssl import SSLContext

Certificate = str | tuple[str, str] | tuple[str, str, str]
"""A client certificate: one file for all, or certificate and key, or those and the key's password."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to trust (the usual authorities, those of a CA file or folder, or anybody) and who we are."""

    verify: bool | str = True
    cert: Certificate | None = None

    @property
    def names_files(self) -> bool:
        """Whether there are files in it that may be missing or wrong."""
        return isinstance(self.verify, str) or self.cert is not None

    def context(self, protocols: list[str]) -> SSLContext:
        """A context that offers these protocols; raises `UsageError` for files that are missing or wrong."""
        context = _trusting(self.verify)
        if self.cert:
            _identify(context, self.cert)
        context.set_alpn_protocols(protocols)
        return context


def _trusting(verify: bool | str) -> SSLContext:
    import ssl

    if verify is False:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if verify is not True:
        return _authorities(verify, "verify")
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if path := os.environ.get(name):
            return _authorities(path, name)
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _authorities(path: str, said_by: str) -> SSLContext:
    import ssl

    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise UsageError(f"{said_by}: {path!r} holds no CA certificate, expected a PEM file") from None
    except OSError as error:
        raise UsageError(f"{said_by}: the CA file {path!r} cannot be read: {error.strerror}") from None


def _identify(context: SSLContext, cert: Certificate) -> None:
    import ssl

    files: tuple[str, ...] = (cert,) if isinstance(cert, str) else cert[:2]
    password = cert[2] if len(cert) == 3 and not isinstance(cert, str) else ""
    for file in files:
        if not Path(file).is_file():
            raise UsageError(f"cert: there is no file {file!r}, expected a client certificate in PEM")
    try:
        # the password is never asked for at the terminal
        context.load_cert_chain(files[0], files[1] if files[1:] else None, password=lambda: password)
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).lower().replace("_", " ")
        raise UsageError(
            f"cert: {' and '.join(map(repr, files))} cannot be used as client certificate and key: {reason}"
        ) from None
    except OSError as error:
        raise UsageError(f"cert: {files[0]!r} cannot be read: {error.strerror}") from None
