"""WSGI apps, as users run them."""

import pytest

FLASK = """
import time
from flask import Flask

app = Flask(__name__)


@app.get("/ok")
def ok():
    return {"a": 1}


@app.get("/boom")
def boom():
    raise ValueError("boom")


@app.get("/slow")
def slow():
    time.sleep(60)
"""


@pytest.fixture
def shop(project):
    project.write("shop.py", FLASK)
    return project


def test_a_flask_app_is_found_and_run(shop):
    shop.write("a.yaml", "checks: [{get: /ok, expect: {json: {a: 1}}}, {get: /boom}]")
    ran = shop.command("run", "--app", "shop", "a.yaml")
    assert ran.exit == 1
    assert "shop:app in process" in ran.out
    assert 'File "shop.py", line 15, in boom' in ran.out
    assert "1 passed, 1 failed" in ran.out


def test_on_trio_it_cannot_run(shop):
    shop.write("a.yaml", "checks: [{get: /ok}]")
    ran = shop.command("run", "--app", "shop:app", "--backend", "trio", "a.yaml")
    assert ran.exit == 3
    assert "'shop:app' is a WSGI app, which runs on asyncio only: use --backend asyncio" in ran.said


def test_a_thread_that_does_not_end_keeps_nobody(shop):
    shop.write("a.yaml", "checks: [{get: /slow, timeout: 200ms, expect: {error: timeout}}]")
    ran = shop.command("run", "--app", "shop:app", "a.yaml")
    assert ran.exit == 0
    assert "the app left threads that do not end (WSGI_0); nobody waits for them any longer" in ran.err
