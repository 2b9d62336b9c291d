"""`python -m asgi_probe`."""

from asgi_probe.cli import main

main()
