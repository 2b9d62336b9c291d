import pytest

from asgi_probe.engine.plan import Asked, name_in
from asgi_probe.engine.request import Limits
from asgi_probe.spec.template import VariableError
from tests.engine.projects import compiled, planned


def checks(tmp_path, text, **more):
    (plan,) = planned(tmp_path, text, **more)
    return plan.checks


def asks(tmp_path, text, **more):
    """The first step of every check, rendered."""
    (plan,) = planned(tmp_path, text, **more)
    return [check.steps[0].request.render(plan.scope({})) for check in plan.checks]


# names and ids


def test_ids(tmp_path):
    text = """
    checks:
      - get: /a
      - get: /a
      - {name: two words, get: /a}
      - request: {method: purge, url: /a}
      - steps: [{post: /b}, {get: /c}]
      - get: /a
    """
    assert [check.id for check in checks(tmp_path, text)] == [
        "a.yaml::GET /a",
        "a.yaml::GET /a (2)",
        "a.yaml::two words",
        "a.yaml::PURGE /a",
        "a.yaml::POST /b",
        "a.yaml::GET /a (3)",
    ]


def test_an_unnamed_check_never_takes_anothers_name(tmp_path):
    text = "checks: [{name: GET /a (2), get: /x}, {get: /a}, {get: /a}, {get: /b}, {name: GET /b, get: /c}]"
    assert [check.name for check in checks(tmp_path, text)] == [
        "GET /a (2)", "GET /a", "GET /a (3)", "GET /b (2)", "GET /b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "checks: [{name: one, get: /}, {name: one, get: /}]",
        "vars: {n: one}\nchecks: [{name: one, get: /}, {name: '${n}', get: /}]",
    ],
)
def test_two_of_one_name(tmp_path, text):
    _, problems = compiled(tmp_path, text)
    (problem,) = problems.errors
    assert "check" in problem.message


def test_texts_with_variables(tmp_path):
    text = """
    name: The ${what}
    vars: {what: shop, why: away}
    tags: [all, shop]
    checks:
      - {name: 'the ${what} opens', description: '${what}!', skip: 'is ${why}', tags: [smoke, all], get: /}
      - {get: '/${what}'}
    """
    first, second = checks(tmp_path, text)
    assert (first.name, first.description, first.skip) == ("the shop opens", "shop!", "is away")
    assert first.tags == ("all", "shop", "smoke")
    assert first.spec == "The shop"
    assert (second.name, second.skip, second.line) == ("GET /${what}", None, 7)


def test_a_file_without_a_name_is_called_by_its_stem(tmp_path):
    assert checks(tmp_path, "checks: [{get: /}]")[0].spec == "a"


# variables


def test_known_names_grow_from_step_to_step(tmp_path):
    text = """
    checks:
      - name: c
        steps:
          - get: /${late}
          - {get: /, save: {late: status}}
          - get: /${late}
        finally: [{get: '/${late}'}]
      - get: /${late}
    """
    _, problems = compiled(tmp_path, text)
    assert [(problem.location.line, problem.message) for problem in problems.errors] == [
        (5, "unknown variable 'late'"),
        (9, "unknown variable 'late'"),
    ]


def test_what_setup_saves_every_check_knows(tmp_path):
    text = """
    setup: [{get: /, save: {token: $.t}}]
    checks: [{get: '/${token}'}]
    teardown: [{get: '/${token}'}]
    """
    (plan,) = planned(tmp_path, text)
    assert plan.setup_saves == ("token",)
    assert plan.scope({"token": 1})["token"] == 1
    assert (plan.setup.id, plan.teardown.id) == ("a.yaml::setup", "a.yaml::teardown")


def test_strength(tmp_path):
    text = "vars: {a: file, b: file, c: file}\nsetup: [{get: /, save: {c: status}}]\nchecks: [{get: /}]"
    (plan,) = planned(tmp_path, text, asked=Asked("prod", "live"), given={"a": "flag"})
    assert plan.scope({"c": "setup"}) == {
        "a": "flag", "b": "file", "c": "setup", "target": "live", "target_name": "prod",
    }  # fmt: skip


def test_vars_are_worked_out_after_the_flags_had_their_say(tmp_path):
    text = "vars: {host: a, url: 'x/${host}'}\nchecks: [{get: '/${url}'}]"
    assert [ask.url for ask in asks(tmp_path, text, given={"host": "b"})] == ["/x/b"]


def test_setup_that_saves_what_the_command_line_gives_is_a_warning(tmp_path):
    _, problems = compiled(tmp_path, "setup: [{get: /, save: {t: status}}]\nchecks: [{get: /}]", given={"t": 1})
    (warning,) = problems.warnings
    assert "setup saves 't'" in warning.message
    assert not problems.errors


def test_what_is_used_is_known(tmp_path):
    (plan,) = planned(tmp_path, "vars: {v: 1}\nchecks: [{get: '/${w}', skip: '${x}'}]", given={"w": 1, "x": 2, "y": 3})
    assert {"v", "w", "x"} <= plan.used
    assert "y" not in plan.used


# defaults


DEFAULTS = """
defaults:
  headers: {x-a: default, x-b: default}
  params: {p: default, q: default}
  cookies: {c: default}
  timeout: 3s
  max_body: 1k
  follow_redirects: true
  json: {from: default}
  auth: {bearer: default}
"""


def with_defaults(tmp_path, step, **more):
    (ask,) = asks(tmp_path, f"{DEFAULTS}checks: [{{post: /, {step}}}]", **more)
    return ask


def test_all_is_inherited(tmp_path):
    ask = with_defaults(tmp_path, "name: x")
    assert ask.headers == [("x-a", "default"), ("x-b", "default")]
    assert ask.params == [("p", "default"), ("q", "default")]
    assert ask.cookies == {"c": "default"}
    assert (ask.timeout, ask.max_body, ask.max_hops) == (3.0, 1000, 20)
    assert ask.body == b'{"from": "default"}' or ask.body == b'{"from":"default"}'
    assert ask.credentials.user == "default"


@pytest.mark.parametrize(
    ("step", "field", "value"),
    [
        ("headers: {X-A: own}", "headers", [("x-b", "default"), ("X-A", "own")]),
        ("headers: {x-a: null}", "headers", [("x-b", "default")]),
        ("headers: null", "headers", []),
        ("params: {p: [1, 2]}", "params", [("p", "1"), ("p", "2"), ("q", "default")]),
        ("params: {q: null}", "params", [("p", "default")]),
        ("cookies: {d: own}", "cookies", {"c": "default", "d": "own"}),
        ("cookies: {c: null}", "cookies", {}),
        ("timeout: 1s", "timeout", 1.0),
        ("timeout: null", "timeout", 7.0),
        ("max_body: null", "max_body", 99),
        ("follow_redirects: false", "max_hops", 0),
        ("follow_redirects: null", "max_hops", 0),
        ("follow_redirects: 3", "max_hops", 3),
        ("auth: null", "credentials", None),
        ("json: null", "body", None),
        ("body: text", "body", b"text"),
    ],
)
def test_what_a_step_says_itself_wins(tmp_path, step, field, value):
    ask = with_defaults(tmp_path, step, asked=Asked("app", "app", Limits(7.0, 99)))
    assert getattr(ask, field) == value


def test_a_null_header_is_taken_away_from_the_target_too(tmp_path):
    assert with_defaults(tmp_path, "headers: {User-Agent: null}").without == {"user-agent"}


def test_json_null_without_a_default_is_null(tmp_path):
    (ask,) = asks(tmp_path, "checks: [{post: /, json: null}]")
    assert ask.body == b"null"


def test_limits_of_the_target_are_the_usual(tmp_path):
    (ask,) = asks(tmp_path, "checks: [{get: /}]", asked=Asked("app", "app", Limits(1.5, 10)))
    assert (ask.timeout, ask.max_body) == (1.5, 10)


def test_defaults_hold_for_setup_steps_finally_and_teardown(tmp_path):
    text = """
    defaults: {headers: {x: y}}
    setup: [{get: /}]
    checks: [{name: c, steps: [{get: /}], finally: [{get: /}]}]
    teardown: [{get: /}]
    """
    (plan,) = planned(tmp_path, text)
    (check,) = plan.checks
    steps = [*plan.setup.steps, *check.steps, *check.finally_, *plan.teardown.steps]
    assert [step.request.render({}).headers for step in steps] == [[("x", "y")]] * 4


# timeouts and retries


def test_a_timeout_beside_steps_is_the_checks(tmp_path):
    text = """
    vars: {t: 2s}
    defaults: {timeout: 9s}
    checks:
      - {name: a, timeout: '${t}', steps: [{get: /}]}
      - {name: b, timeout: 3s, get: /}
      - {name: c, timeout: null, steps: [{get: /}]}
    """
    (plan,) = planned(tmp_path, text)
    assert [check.timeout for check in plan.checks] == [2.0, None, None]
    assert [check.steps[0].request.render({}).timeout for check in plan.checks] == [9.0, 3.0, 9.0]


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        ("2", (2, 0.5, 1.0, None, 0.0)),
        ("{}", (3, 0.5, 1.0, None, 0.0)),
        ("{times: 1, delay: 1s, backoff: 2, max_delay: 1m, jitter: 0.1}", (1, 1.0, 2.0, 60.0, 0.1)),
        ("{times: '${n}'}", (4, 0.5, 1.0, None, 0.0)),
        ("null", None),
    ],
)
def test_retry(tmp_path, retry, expected):
    (check,) = checks(tmp_path, f"vars: {{n: 4}}\nchecks: [{{get: /, retry: {retry}}}]")
    plan = check.steps[0].retry
    if plan is None:
        assert expected is None
        return
    most = plan.max_delay.render({}) if plan.max_delay else None
    scope = {"n": 4}
    assert (
        plan.times.render(scope), plan.delay.render({}), plan.backoff.render({}), most, plan.jitter.render({}),
    ) == expected  # fmt: skip


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("retry: often", "often"),
        ("retry: -1", "-1"),
        ("retry: {tmes: 3}", "tmes"),
        ("delay: soon", "soon"),
        ("timeout: 0.5.1", "0.5.1"),
        ("auth: {basic: [one]}", "[user, password]"),
        ("auth: {bearr: x}", "bearr"),
        ("auth: {bearer: x}, headers: {Authorization: y}", "authorization"),
        ("params: {a: {b: 1}}", "mapping"),
        ("headers: {x: [[1]]}", "list"),
    ],
)
def test_what_cannot_be(tmp_path, step, told):
    _, problems = compiled(tmp_path, f"checks: [{{get: /, {step}}}]")
    assert problems.errors
    assert any(told in problem.message + str(problem.hint) for problem in problems.errors)


def test_identical_steps_are_compiled_once(tmp_path):
    text = "x-s: &s {get: /}\nchecks: [{name: a, steps: [*s]}, {name: b, steps: [*s]}]"
    first, second = checks(tmp_path, text)
    assert first.steps[0] is second.steps[0]


def test_a_step_is_called_by_its_name_even_when_that_cannot_be_rendered(tmp_path):
    text = "checks: [{name: c, steps: [{get: /, save: {n: $.n}}, {name: 'the ${n}', get: /}, {get: '/${n}'}]}]"
    (check,) = checks(tmp_path, text)
    assert [name_in({"n": 5}, step) for step in check.steps] == ["GET /", "the 5", "GET /${n}"]
    assert name_in({}, check.steps[1]) == "the ${n}"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("nam: x\nvars: {v: 1}\nchecks: [{name: 'a ${v}', get: /, skip: 'b ${v}'}]", [1]),
        ("vars: {v: 1}\nchecks: [{name: 'a ${w}', get: /}]", [2]),
        ("vars: {v: '${w}', w: '${v}'}\nchecks: [{name: 'a ${v}', timeout: '${w}', steps: [{get: '/${v}'}]}]", [1]),
        ("vars: {v: '${1 / 0}'}\nchecks: [{name: 'a ${v}', get: /}]", [1]),
        ("vars: {v: soon}\nchecks: [{name: c, timeout: '${v}', steps: [{get: /}]}]", [2]),
        ("vars: {v: 1}\nchecks: [{name: '${v.w.x}', get: /}]", [2]),
    ],
)
def test_what_is_wrong_is_told_once(tmp_path, text, lines):
    _, problems = compiled(tmp_path, text)
    assert [problem.location.line for problem in problems.diagnostics] == lines


def test_a_check_with_a_timeout_that_is_no_scalar(tmp_path):
    _, problems = compiled(tmp_path, "checks: [{name: c, timeout: [1s], steps: [{get: /}]}]")
    assert problems.errors


def test_a_jitter_is_a_share(tmp_path):
    with pytest.raises(AssertionError, match="expected a share from 0 to 1"):
        planned(tmp_path, "checks: [{get: /, retry: {times: 1, jitter: 9}}]")


@pytest.mark.parametrize("body", ["body: '${x}'", "form: {a: '${x}'}", "form: {'${x}': a}", "multipart: {a: '${x}'}"])
def test_half_a_character_is_no_crash(tmp_path, body):
    (plan,) = planned(tmp_path, f"checks: [{{post: /, {body}}}]", given={"x": "\ud800"})
    with pytest.raises(VariableError, match="is half a character and cannot be sent"):
        plan.checks[0].steps[0].request.render(plan.scope({}))
