"""Whom we ask: an app in process, or a live service."""
