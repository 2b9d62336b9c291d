"""The language beyond single requests: rows, conditions, procedures, needs, locks, polling, expected failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asgi_probe.engine.plan import Asked
from tests.engine.projects import Ran, compiled, planned

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


class Service:
    """An app that notes what it is asked, and answers what it was told to."""

    def __init__(self, **answers):
        self.asked = []
        self.answers = answers
        self.running = 0
        self.most = 0

    async def __call__(self, scope, receive, send):
        import anyio

        path = scope["path"]
        query = scope["query_string"].decode()
        self.asked.append(f"{scope['method']} {path}" + (f"?{query}" if query else ""))
        self.running += 1
        self.most = max(self.most, self.running)
        await anyio.sleep(0.005)
        status, body, headers = self._answer(path)
        self.running -= 1
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, path):
        found = self.answers.get(path.strip("/").replace("/", "_"), 200)
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(found, tuple):
            return found
        if isinstance(found, str):
            return 200, found.encode(), [(b"content-type", b"application/json")]
        return found, b"{}", []


def checks(tmp_path: Path, text: str, **more):
    return [check for plan in planned(tmp_path, text, **more) for check in plan.checks]


def names(tmp_path: Path, text: str, **more):
    return [check.name for check in checks(tmp_path, text, **more)]


def problems(tmp_path: Path, *texts: str, **more) -> list[str]:
    _, found = compiled(tmp_path, *texts, **more)
    return [str(problem).removeprefix("a.yaml:") for problem in found.diagnostics]


# rows


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{name: c, get: '/${id}', each: [{id: 1}, {id: 2}]}", ["c[id=1]", "c[id=2]"]),
        ("{get: '/${id}', each: [{id: 1, name: one}, {id: 2, name: two}]}", ["GET /${id}[one]", "GET /${id}[two]"]),
        ("{name: c, get: /, matrix: {a: [1, 2], b: [x, y]}}", ["c[a=1,b=x]", "c[a=1,b=y]", "c[a=2,b=x]", "c[a=2,b=y]"]),
        ("{name: c, get: /, each: [{a: 1}], matrix: {b: [x, y]}}", ["c[a=1,b=x]", "c[a=1,b=y]"]),
        ("{name: c, get: /, repeat: 3}", ["c", "c #2", "c #3"]),
        ("{name: c, get: /, each: [{a: 1}], repeat: 2}", ["c[a=1]", "c[a=1] #2"]),
        ("{name: 'c ${a}', get: /, each: [{a: 1}, {a: 2}]}", ["c 1[a=1]", "c 2[a=2]"]),
        ("{name: c, get: /, each: [{a: 1}, {a: 1}]}", ["c[a=1]", "c[a=1] (2)"]),
        ("{name: c, get: /, each: [{a: {b: [1, null]}}]}", ['c[a={"b": [1, null]}]']),
        ("{name: c, get: /, each: [{a: " + "x" * 70 + "}]}", ["c[a=" + "x" * 57 + "…]"]),
    ],
)
def test_rows_make_checks(tmp_path, text, found):
    assert names(tmp_path, f"checks: [{text}]") == found


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("rows.csv", "sku,qty\nA-1,2\n'B',\"x, y\"\n", [{"sku": "A-1", "qty": "2"}, {"sku": "'B'", "qty": "x, y"}]),
        ("rows.csv", "\ufeffsku\r\nA\r\n\r\nB\r\n", [{"sku": "A"}, {"sku": "B"}]),
        ("rows.json", '[{"sku": "A", "qty": 2.50}]', [{"sku": "A", "qty": 2.5}]),
        ("rows.yaml", "- sku: A\n  qty: no\n", [{"sku": "A", "qty": "no"}]),
    ],
)
def test_rows_of_files(tmp_path, name, content, found):
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    made = checks(tmp_path, "checks: [{name: c, get: '/${sku}', each: {file: " + name + "}}]")
    assert [check.row for check in made] == found


@pytest.mark.parametrize("content", ["", "sku\n", "sku\r\n\r\n"])
def test_an_empty_file_skips_the_check(tmp_path, content):
    (tmp_path / "rows.csv").write_text(content)
    (check,) = checks(tmp_path, "checks: [{name: c, get: '/', each: {file: rows.csv}}]")
    assert check.skip == "rows.csv has no rows"


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [
        ("sku,sku\n1,2\n", "rows.csv", "the header of 'rows.csv' names a column twice"),
        ("sku,qty\n1\n", "rows.csv", "rows.csv:2: expected 2 columns as in the header, found 1"),
        ('sku\n"a', "rows.csv", "rows.csv:2: this is no CSV: unexpected end of data"),
        (
            "a-b\n1\n",
            "rows.csv",
            "row 1: 'a-b' cannot name a variable: it wants letters, digits and '_', no digit first",
        ),
        ('{"a": 1}', "rows.json", "'rows.json' holds no list of rows"),
        ("[1]", "rows.json", "row 1 is no mapping from names to values"),
        ("[1", "rows.json", "'rows.json' is not JSON: it ends too early, at line 1, column 3: after '[1'"),
        ("a: [", "rows.yaml", "rows.yaml:1:4: expected a value (quote the text if it is meant as it stands)"),
        ("x", "rows.txt", "the rows of 'rows.txt' cannot be read: expected a file that ends in .csv, .json or .yaml"),
    ],
)
def test_what_is_wrong_with_a_file_of_rows(tmp_path, content, name, found):
    (tmp_path / name).write_text(content)
    told = problems(tmp_path, "checks: [{name: c, get: '/', each: {file: " + name + "}}]")
    assert [problem.partition(": ")[2] for problem in told] == [found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{get: /, each: []}", "1:25: 'each' is empty (leave it out, or write its rows)"),
        ("{get: /, each: [1]}", "1:26: a row is a mapping from names to values, found a number (such as {sku: A-1})"),
        ("{get: /, each: {}}", "1:19: 'each' needs 'file'"),
        ("{get: /, matrix: {a: []}}", "1:31: 'a' has no values"),
        ("{get: /, matrix: {a: 1}}", "1:31: expected the values of 'a' as a list, found a number"),
        ("{get: /, repeat: 0}", "1:27: expected a number from 1 to 10,000, found 0"),
        ("{get: /, repeat: x}", "1:27: expected a whole number from 0, found 'x'"),
        (
            "{get: /, each: [{a: 1}], matrix: {a: [1]}}",
            "1:35: 'a' stands in 'each' and in 'matrix' (choose another name)",
        ),
        ("{get: /, each: [{env: 1}]}", "1:27: 'env' cannot name a variable: it is built in (choose another name)"),
        ("{get: '/${b}', each: [{a: 1}]}", "1:18: unknown variable 'b' (known here: a, target, target_name)"),
        ("{get: /, each: {file: no.csv}}", "1:32: there is no file 'no.csv' beside the spec"),
        ("{get: /, each: {file: ../no.csv}}", "1:32: the file '../no.csv' is outside the project's root"),
        ("{get: /, when: {b: 1}}", "1:26: unknown variable 'b' (known here: target, target_name)"),
        ("{get: /, xfail: 1}", "1:26: expected the reason as text (say why, as in 'xfail: issue 12')"),
        ("{get: /, xfail: {strict: false}}", "1:19: 'xfail' needs 'reason'"),
        ("{get: /, lock: [[a]]}", "1:26: expected the name of a lock as text"),
    ],
)
def test_what_is_wrong_with_rows_and_their_like(tmp_path, text, found):
    assert problems(tmp_path, f"checks: [{text}]") == [found]


def test_a_condition_takes_no_function(tmp_path):
    (tmp_path / "m.py").write_text("def f(value): ...\n")
    assert problems(tmp_path, "checks: [{get: /, when: {target: {$call: 'm:f'}}}]") == [
        "1:42: '$call' cannot stand in 'when' (a hook in 'verify' can decide more)"
    ]


def test_files_that_need_each_other(tmp_path):
    for name, needs in (("x", "y"), ("y", "z"), ("z", "x")):
        (tmp_path / f"{name}.yaml").write_text(f"needs: {needs}.yaml\nchecks: [{{get: /}}]")
    found = problems(tmp_path, "needs: x.yaml\nchecks: [{get: /}]")
    assert found[0].endswith(
        "files that need each other: x.yaml → y.yaml → z.yaml → x.yaml (take one of the needs away)"
    )


@pytest.mark.parametrize(("many", "fine"), [(49, True), (50, False), (2_000, False)])
def test_too_many_files_that_need_each_other_in_a_row(tmp_path, many, fine):
    for number in range(many):
        needs = f"needs: {number + 1}.yaml\n" if number < many - 1 else ""
        (tmp_path / f"{number}.yaml").write_text(f"{needs}checks: [{{get: /}}]")
    found = problems(tmp_path, "needs: 0.yaml\nchecks: [{get: /}]")
    assert [each.partition(": ")[2] for each in found] == [
        "files that need each other, 50 in a row (let them need the first alone)"
    ] * (not fine)


async def test_a_needed_file_without_checks_gives_what_its_setup_saves(tmp_path):
    needed = "procedures: {}\nsetup: [{get: /login, save: {token: $.token}}]\nteardown: [{get: /out}]"
    service = Service(login='{"token": "t0k3n"}')
    ran = await Ran(tmp_path, needed, "needs: a.yaml\nchecks: [{get: '/${token}'}]", app=service).ended()
    assert service.asked == ["GET /login", "GET /t0k3n", "GET /out"]
    assert ran.finished.exit_code == 0


async def test_checks_that_got_lost_are_no_success(tmp_path, monkeypatch):
    async def lost(*_):
        return None

    monkeypatch.setattr("asgi_probe.engine.stage.Stage.check", lost)
    ran = await Ran(tmp_path, "checks: [{get: /}, {get: /b}]", app=Service()).ended()
    assert ran.finished.exit_code == 70
    assert ran.finished.problem == "2 checks got lost: this is a bug of asgi-probe, please report it"


async def test_a_row_is_stronger_than_the_command_line_and_weaker_than_what_is_saved(tmp_path):
    service = Service(a='{"id": 9}')
    text = """
    vars: {id: 1}
    checks:
      - name: c
        each: [{id: 5}]
        steps: [{get: '/a?id=${id}', save: {id: $.id}}, {get: '/b?id=${id}'}]
    """
    await Ran(tmp_path, text, app=service, given={"id": 7}).ended()
    assert service.asked == ["GET /a?id=5", "GET /b?id=9"]


async def test_rows_may_use_what_setup_saves(tmp_path):
    service = Service(login='{"token": "t0k3n"}')
    text = """
    setup: [{post: /login, save: {token: $.token}}]
    checks: [{name: c, get: '/${path}', each: [{path: 'a-${token}'}, {path: b}]}]
    """
    ran = await Ran(tmp_path, text, app=service).ended()
    assert sorted(service.asked) == ["GET /a-t0k3n", "GET /b", "POST /login"]
    assert ran.outcomes == {"setup": "passed", "c[path=a-${token}]": "passed", "c[path=b]": "passed"}


# conditions


async def test_when(tmp_path):
    text = """
    vars: {stage: test, n: 5}
    setup: [{get: /login, save: {found: $.found}}]
    checks:
      - {name: app, get: /1, when: {target: app}}
      - {name: live, get: /2, when: {target: live}}
      - {name: both, get: /3, when: {stage: test, n: {$lt: 3}}}
      - {name: saved, get: /4, when: {found.name: {$is: absent}}}
      - {name: env, get: /5, when: {env.SURELY_NOT_SET_4711: {$is: present}}}
      - name: steps
        steps: [{get: /6, when: {n: 1}}, {get: /7}]
      - name: no step at all
        steps: [{get: /8, when: {n: 1}}]
      - {name: row, get: '/9?id=${id}', each: [{id: 1}, {id: 2}], when: {id: 2}}
    """
    service = Service(login='{"found": {"name": "x"}}')
    ran = await Ran(tmp_path, text, app=service).ended()
    assert {name: outcome for name, outcome in ran.outcomes.items() if name != "setup"} == {
        "app": "passed", "live": "skipped", "both": "skipped", "saved": "skipped", "env": "skipped", "steps": "passed",
        "no step at all": "skipped", "row[id=1]": "skipped", "row[id=2]": "passed",
    }  # fmt: skip
    assert sorted(service.asked) == ["GET /1", "GET /7", "GET /9?id=2", "GET /login"]
    assert ran.check("live").reason == "when target: expected 'live', got 'app'"
    assert ran.check("both").reason == "when n: expected less than 3, got 5"
    assert ran.check("env").reason == "when env.SURELY_NOT_SET_4711: is missing"
    assert ran.check("no step at all").reason == "when n: expected 1, got 5"
    assert [str(step.outcome) for step in ran.steps("steps")] == ["skipped", "passed"]


# expected failures


async def test_xfail(tmp_path):
    text = """
    checks:
      - {name: fails, get: /no, xfail: issue 12}
      - {name: passes, get: /yes, xfail: issue 13}
      - {name: may pass, get: /yes, xfail: {reason: sometimes, strict: false}}
      - {name: may fail, get: /no, xfail: {reason: sometimes, strict: false}}
      - {name: error, get: 'http://[', xfail: no address}
      - {name: late, get: /late, retry: {times: 1, delay: 0}, xfail: slow}
      - {name: skipped, get: /no, skip: not now, xfail: issue 12}
    """
    ran = await Ran(tmp_path, text, app=Service(no=404, late=[503, 200])).ended()
    assert ran.outcomes == {
        "fails": "xfailed", "passes": "xpassed", "may pass": "passed", "may fail": "xfailed", "error": "xfailed",
        "late": "xpassed", "skipped": "skipped",
    }  # fmt: skip
    assert ran.check("fails").reason == "issue 12"
    assert ran.check("passes").reason == "expected to fail, and passed: issue 13"
    assert ran.finished.exit_code == 1


async def test_a_run_of_expected_failures_is_green(tmp_path):
    ran = await Ran(tmp_path, "checks: [{get: /no, xfail: issue 12}]", app=Service(no=404)).ended()
    assert ran.finished.exit_code == 0
    assert ran.finished.outcomes == {"xfailed": 1}


# procedures


async def test_a_procedure_stands_for_its_steps(tmp_path):
    text = """
    defaults: {params: {lang: en}}
    procedures:
      login:
        - {name: 'log in ${user}', post: '/login?user=${user}', save: {token: $.token}}
    checks:
      - name: c
        steps:
          - {use: '#login', with: {user: ada}}
          - get: /me?token=${token}
    """
    service = Service(login='{"token": "t0k3n"}')
    ran = await Ran(tmp_path, text, app=service).ended()
    assert service.asked == ["POST /login?user=ada&lang=en", "GET /me?token=t0k3n&lang=en"]
    assert [step.step for step in ran.steps("c")] == ["log in ada", "GET /me?token=${token}"]


async def test_what_with_gives_counts_in_the_procedure_alone(tmp_path):
    text = """
    procedures:
      inner: [{get: '/inner?a=${a}&b=${b}'}]
      outer: [{use: '#inner', with: {b: '${a + 1}'}}, {get: '/outer?a=${a}'}]
    vars: {a: 1}
    checks:
      - name: c
        steps: [{use: '#outer', with: {a: 5}}, {get: '/after?a=${a}'}]
      - {name: single, use: '#outer', with: {a: 8}}
    """
    service = Service()
    await Ran(tmp_path, text, app=service, concurrency=1).ended()
    assert service.asked == [
        "GET /inner?a=5&b=6", "GET /outer?a=5", "GET /after?a=1", "GET /inner?a=8&b=9", "GET /outer?a=8",
    ]  # fmt: skip


async def test_what_was_saved_is_stronger_than_with(tmp_path):
    text = """
    procedures: {p: [{get: '/p?id=${id}'}]}
    checks: [{name: c, steps: [{get: /a, save: {id: $.id}}, {use: '#p', with: {id: 5}}]}]
    """
    service = Service(a='{"id": 1}')
    await Ran(tmp_path, text, app=service).ended()
    assert service.asked == ["GET /a", "GET /p?id=1"]


async def test_procedures_of_another_file(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "auth.yaml").write_text(
        "procedures: {login: [{post: /login, body: {file: user.txt}}, {use: '#twice'}], twice: [{get: /twice}]}"
    )
    (tmp_path / "lib" / "user.txt").write_text("ada")
    service = Service()
    ran = await Ran(tmp_path, "checks: [{name: c, use: 'lib/auth.yaml#login'}]", app=service).ended()
    assert service.asked == ["POST /login", "GET /twice"]
    assert ran.outcomes == {"c": "passed"}


async def test_a_procedure_may_be_left_out_and_may_fail_to_begin(tmp_path):
    text = """
    procedures: {p: [{get: /p}]}
    vars: {n: 1, o: {}}
    checks:
      - {name: left out, steps: [{use: '#p', when: {n: 2}}, {get: /on}]}
      - {name: broken, steps: [{use: '#p', with: {a: '${o.x}'}}, {get: /never}]}
    """
    service = Service()
    ran = await Ran(tmp_path, text, app=service).ended()
    assert service.asked == ["GET /on"]
    assert ran.outcomes == {"left out": "passed", "broken": "error"}
    assert ran.check("broken").reason == "'o' has no 'x' (there are: []), in '${o.x}'"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("checks: [{use: '#no'}]", "1:16: a.yaml has no procedure 'no' (there are: none)"),
        ("checks: [{use: 'p'}]", "1:16: 'p' names no procedure (such as '#login' or 'auth.yaml#login')"),
        ("checks: [{use: 'no.yaml#p'}]", "1:16: there is no file 'no.yaml' beside the spec"),
        (
            "procedures: {login: [{get: /}]}\nchecks: [{use: '#logn'}]",
            "2:16: a.yaml has no procedure 'logn' (did you mean 'login'?)",
        ),
        (
            "procedures: {a: [{use: '#b'}], b: [{use: '#a'}]}\nchecks: [{use: '#a'}]",
            "1:42: the procedure uses itself: a.yaml#a → a.yaml#b → a.yaml#a",
        ),
        (
            "procedures: {a: [{get: '/${x}'}]}\nchecks: [{use: '#a'}]",
            "1:26: unknown variable 'x' (known here: target, target_name)",
        ),
        (
            "checks: [{use: '#a', get: /}]",
            "1:22: 'get' cannot stand beside 'use' (it belongs to the procedure's steps)",
        ),
        ("procedures: {a: 1}\nchecks: [{get: /}]", "1:17: expected a list, found a number"),
        ("defaults: {use: '#a'}\nchecks: [{get: /}]", "1:12: 'use' cannot stand in 'defaults' (it belongs to a step)"),
    ],
)
def test_what_is_wrong_with_procedures(tmp_path, text, found):
    assert problems(tmp_path, text)[0] == found


def test_a_file_of_procedures_alone_has_no_checks(tmp_path):
    (plan,) = planned(tmp_path, "procedures: {login: [{post: /login}]}")
    assert plan.checks == ()


# polling


async def test_a_poll_asks_until_it_holds(tmp_path):
    text = """
    checks:
      - name: c
        get: /job
        poll: {until: {json: {status: done}}, every: 5ms, within: 5s}
        expect: {json: {result: 42}}
        save: {result: $.result}
    """
    service = Service(job=['{"status": "queued"}', 503, "not json", '{"status": "done", "result": 42}'])
    ran = await Ran(tmp_path, text, app=service).ended()
    assert ran.outcomes == {"c": "passed"}
    (step,) = ran.steps("c")
    assert step.attempts == 4
    assert step.saved == {"result": 42}


async def test_a_poll_whose_time_is_up_has_failed(tmp_path):
    text = "checks: [{name: c, get: /job, poll: {until: {json: {status: done}}, every: 10ms, within: 400ms}}]"
    ran = await Ran(tmp_path, text, app=Service(job='{"status": "queued"}')).ended()
    assert ran.outcomes == {"c": "failed"}
    (mismatch,) = ran.check("c").mismatches
    assert (mismatch.where, mismatch.path) == ("until.json", "$.status")
    assert mismatch.message == "expected 'done', got 'queued'"
    assert ran.steps("c")[0].attempts > 1


async def test_what_holds_at_last_is_judged_once(tmp_path):
    text = "checks: [{name: c, get: /job, poll: {until: 200, every: 5ms}, expect: {json: {n: 2}}}]"
    ran = await Ran(tmp_path, text, app=Service(job=[404, '{"n": 1}', '{"n": 2}'])).ended()
    assert ran.outcomes == {"c": "failed"}


async def test_no_answer_meanwhile_is_not_yet(tmp_path):
    text = "checks: [{name: c, get: '{}', poll: {until: 200, every: 20ms, within: 100ms}}]"
    text = text.replace("{}", "http://127.0.0.1:9/")
    ran = await Ran(tmp_path, text, app=Service()).ended()
    assert ran.outcomes == {"c": "failed"}
    assert ran.check("c").mismatches[0].where == "until"
    assert "connection refused" in ran.check("c").mismatches[0].message


def test_poll_and_retry_exclude_each_other(tmp_path):
    text = "checks: [{get: /, retry: 3, poll: {until: 200}}]"
    assert problems(tmp_path, text) == ["1:29: 'poll' beside 'retry': a poll asks again by itself (keep one)"]
    (check,) = checks(tmp_path, "defaults: {retry: 3}\nchecks: [{get: /, poll: {until: 200}}]")
    assert check.steps[0].retry is None


# locks


async def test_checks_with_one_lock_never_run_at_the_same_time(tmp_path):
    row = "{get: '/${n}', lock: [till, '${n}'], each: [" + ", ".join(f"{{n: {n}}}" for n in range(5)) + "]}"
    service = Service()
    await Ran(tmp_path, f"checks: [{row}]", f"checks: [{row}]", app=service).ended()
    assert service.most == 1
    assert len(service.asked) == 10


async def test_other_checks_go_on_meanwhile(tmp_path):
    text = "checks: [{name: a, get: /a, lock: x}, {name: b, get: /b, lock: x}, {name: c, get: /c}, {name: d, get: /d}]"
    service = Service()
    await Ran(tmp_path, text, app=service).ended()
    assert service.most == 3


# needs


async def test_what_a_needed_file_saved_is_there(tmp_path):
    login = """
    setup: [{get: /setup, save: {early: $.n}}]
    checks:
      - {name: one, get: /one, save: {token: $.n}}
      - {name: two, get: /two, save: {token: $.n}}
    teardown: [{delete: /login}]
    """
    user = "needs: a.yaml\nchecks: [{name: c, get: '/use?${early}-${token}'}]"
    service = Service(setup='{"n": 1}', one='{"n": 2}', two='{"n": 3}')
    ran = await Ran(tmp_path, login, user, user, app=service).ended()
    assert service.asked[0] == "GET /setup"
    assert sorted(service.asked[1:3]) == ["GET /one", "GET /two"]
    assert service.asked[3:5] == ["GET /use?1-3", "GET /use?1-3"]
    assert service.asked[5] == "DELETE /login", "its teardown waits for those who need it"
    assert set(ran.outcomes.values()) == {"passed"}


async def test_cookies_of_a_needed_file_go_along(tmp_path):
    seen = []

    async def app(scope, receive, send):
        headers = dict(scope["headers"])
        seen.append((scope["path"], headers.get(b"cookie")))
        cookie = [(b"set-cookie", b"sid=1" if scope["path"] == "/login" else b"other=2; Path=/elsewhere")]
        await send({"type": "http.response.start", "status": 200, "headers": cookie})
        await send({"type": "http.response.body"})

    await Ran(tmp_path, "checks: [{get: /login}]", "needs: [a.yaml]\nchecks: [{get: /me}]", app=app).ended()
    assert seen == [("/login", None), ("/me", b"sid=1")]


async def test_what_a_needed_file_needed_itself_does_not_go_along(tmp_path):
    texts = [
        "checks: [{get: /a, save: {a: $.n}}]",
        "needs: a.yaml\nchecks: [{get: '/b?${a}', save: {b: $.n}}]",
        "needs: b.yaml\nchecks: [{get: '/c?${b}'}]",
    ]
    service = Service(a='{"n": 1}', b='{"n": 2}')
    await Ran(tmp_path, *texts, app=service).ended()
    assert service.asked == ["GET /a", "GET /b?1", "GET /c?2"]
    texts[2] = "needs: b.yaml\nchecks: [{get: '/c?${a}'}]"
    assert "unknown variable 'a'" in problems(tmp_path, *texts)[0]


@pytest.mark.parametrize(
    "needed",
    ["checks: [{name: x, get: /no}]", "setup: [{get: /no}]\nchecks: [{name: x, get: /}]",
     "checks: [{name: x, get: /yes, xfail: it cannot}]"],
)  # fmt: skip
async def test_a_file_whose_need_has_failed_is_skipped(tmp_path, needed):
    user = "needs: a.yaml\nsetup: [{get: /never}]\nchecks: [{name: c, get: /never}]\nteardown: [{get: /never}]"
    last = "needs: b.yaml\nchecks: [{name: d, get: /never}]"
    service = Service(no=500)
    ran = await Ran(tmp_path, needed, user, last, app=service).ended()
    assert not any("never" in asked for asked in service.asked)
    assert str(ran.check("b.yaml::c").outcome) == "skipped"
    assert "it needs a.yaml, which failed: " in ran.check("b.yaml::c").reason
    assert str(ran.check("c.yaml::d").outcome) == "skipped"
    assert [str(ran.check(f"b.yaml::{phase}").outcome) for phase in ("setup", "teardown")] == ["skipped", "skipped"]
    assert ran.finished.exit_code == 1


async def test_an_expected_failure_is_no_failure_of_a_need(tmp_path):
    service = Service(no=500)
    await Ran(tmp_path, "checks: [{get: /no, xfail: x}]", "needs: a.yaml\nchecks: [{get: /c}]", app=service).ended()
    assert service.asked == ["GET /no", "GET /c"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("needs: no.yaml\nchecks: [{get: /}]", "1:8: there is no file 'no.yaml' beside the spec"),
        ("needs: a.yaml\nchecks: [{get: /}]",
         "1:8: files that need each other: a.yaml → a.yaml (take one of the needs away)"),
        ("needs: [1]\nchecks: [{get: /}]", "1:9: expected text, found a number"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_needs(tmp_path, text, found):
    assert problems(tmp_path, text) == [found]


# secrets


async def test_secrets_are_masked_wherever_they_come_up(tmp_path):
    text = """
    secrets: [password, token, pin]
    vars: {password: hunter22}
    checks:
      - name: c
        each: [{pin: 4711}]
        steps:
          - {post: '/login?password=${password}&pin=${pin}', json: {p: "${password}"}, save: {token: $.token}}
          - {get: '/me?token=${token}', expect: 500}
    """
    ran = await Ran(tmp_path, text, app=Service(login='{"token": "t0k3n-of-ada"}'), tell_all=True).ended()
    told = repr(ran.events)
    assert "hunter22" not in told
    assert "t0k3n-of-ada" not in told
    assert "4711" not in told
    assert ran.steps("c[pin=***]")[0].saved == {"token": "***"}


async def test_secrets_of_rows_and_of_procedures_are_masked(tmp_path):
    text = """
    secrets: [password]
    setup:
      - {get: /setup, save: {word: $.word}}
    procedures:
      p:
        - {get: '/${password}', expect: 404}
    checks:
      - {name: late, each: [{password: '${word}-late'}], get: '/${password}', expect: 404}
      - {name: used, steps: [{use: '#p', with: {password: hunter23}}]}
    """
    ran = await Ran(tmp_path, text, app=Service(setup='{"word": "hunter22"}')).ended()
    late = "late[password=${word}-late]"
    assert ran.outcomes == {"setup": "passed", late: "failed", "used": "failed"}
    assert [ran.steps(name)[0].request.url for name in (late, "used")] == ["http://testserver/***"] * 2
    assert "hunter23" not in repr(ran.events)


def test_names_and_reasons_hold_no_secrets(tmp_path):
    text = """
    name: the file of ${key}
    description: with ${key}
    secrets: [key, password]
    vars: {key: hunter22}
    checks:
      - {name: 'with ${key}', description: 'of ${key}', get: /, lock: '${key}'}
      - {name: not now, skip: 'wants ${key}', get: /}
      - {name: known, xfail: 'since ${key}', get: /}
      - name: rows of ${password}
        each: [{password: hunter23}, {password: hunter24}, {user: ada, password: 'hunter25'}]
        get: /
      - {name: long, each: [{password: '%s'}], get: /}
      - {name: given, each: [{a: '${token}'}], get: /}
    """
    (plan,) = planned(
        tmp_path, text % ("hunter26" * 20), given={"token": "hunter27"}, asked=Asked("app", "app", secrets=("token",))
    )
    assert [check.name for check in plan.checks] == [
        "with ***",
        "not now",
        "known",
        "rows of ***[password=***]",
        "rows of ***[password=***] (2)",
        "rows of ***[user=ada,password=***]",
        "long[password=***]",
        "given[a=***]",
    ]
    assert (plan.title, plan.description) == ("the file of ***", "with ***")
    first, skipped, known, *_ = plan.checks
    assert (first.description, first.locks) == ("of ***", ("hunter22",))
    assert (skipped.skip, known.xfail.reason) == ("wants ***", "since ***")


def test_what_is_wrong_with_a_name_is_told_once_for_all_rows(tmp_path):
    text = "checks: [{name: 'c ${b}', each: [{a: 1}, {a: 2}], get: /}]"
    assert problems(tmp_path, text) == ["1:20: unknown variable 'b' (known here: a, target, target_name)"]


def test_a_short_secret_is_refused(tmp_path):
    text = "secrets: [pin]\nvars: {pin: abc}\nchecks: [{get: /}]"
    assert problems(tmp_path, text) == [
        "1:11: the secret 'pin' is shorter than 4 characters and cannot be masked",
    ]


FAILS_BEFORE_IT_SAVES = """
checks:
  - name: c
    steps: [{get: /job, expect: 201, save: {id: $.id}}]
    finally:
      - {name: clean, get: '/job/${id}'}
      - {get: /other}
  - name: typed wrong
    steps: [{get: /job, save: {other: $.id}}]
    finally: [{name: clean, get: '/job/${other}'}]
"""


async def test_what_finally_cannot_do_for_want_of_what_failed_is_left_out(tmp_path):
    ran = await Ran(tmp_path, FAILS_BEFORE_IT_SAVES, app=Service(job="{}")).ended()
    check = ran.check("c")
    assert (str(check.outcome), [mismatch.message for mismatch in check.mismatches]) == (
        "failed",
        ["expected 201, got 200", "nothing to save as 'id': $.id is missing; there is nothing"],
    )
    _, clean, other = ran.steps("c")
    assert (str(clean.outcome), clean.reason) == ("skipped", "what failed before did not give 'id' a value")
    assert other.outcome == "passed"
