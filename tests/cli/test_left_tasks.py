"""Tasks that a hook starts and leaves behind: they change no outcome and do not keep the run from ending."""

HOOKS = """\
import asyncio

KEPT = []

async def forever():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

async def fails_late():
    await asyncio.sleep(0.01)
    raise RuntimeError("nobody waits for this")

async def ignores_everything(probe):
    while True:
        try:
            await asyncio.sleep(3600)
        except BaseException:
            pass

async def spawns(probe):
    KEPT.append(asyncio.create_task(forever()))
    KEPT.append(asyncio.create_task(fails_late()))
"""
APP = """\
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})
"""
SPEC = """\
checks:
  - {name: spawns, get: /, verify: 'hooks:spawns'}
  - {name: polls, get: /, poll: {within: 100ms, until: {status: 404}}}
  - {name: passes, get: /}
"""


def test_the_run_ends_and_every_outcome_is_kept(project):
    project.write("hooks.py", HOOKS)
    project.write("shop.py", APP)
    project.write("a.yaml", SPEC)
    ran = project.run("--app", "shop:app", "-v", "a.yaml")
    assert ran.exit == 1
    assert "2 passed, 1 failed" in ran.said
    assert "nobody waits" not in ran.said
    assert "destroyed" not in ran.said


def test_what_ignores_even_that_it_is_thrown_away(project):
    project.write("hooks.py", HOOKS)
    project.write("shop.py", APP)
    project.write("a.yaml", "checks: [{get: /, timeout: 100ms, verify: 'hooks:ignores_everything'}, {get: /other}]")
    ran = project.run("--app", "shop:app", "a.yaml")
    assert ran.exit == 1
    assert "hooks:ignores_everything did not end within 0.1 s" in ran.said
    assert "1 passed, 1 error" in ran.said
    assert '"run_finished"' in (project.root / "events.ndjson").read_text(encoding="utf-8")
