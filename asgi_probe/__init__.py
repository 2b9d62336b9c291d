"""asgi-probe: smoke tests for HTTP services, against an ASGI app in process or a live URL."""

__version__ = "0.1.0"
