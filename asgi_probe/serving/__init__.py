"""Runs again and again, and a web server that tells of them: `asgi-probe serve`."""
