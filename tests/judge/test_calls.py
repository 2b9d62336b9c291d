"""`$call`: functions of the user's that judge values."""

import functools
import inspect
import json

import anyio
import pytest

from asgi_probe.judge.body import Unjudgeable
from asgi_probe.judge.calls import Calls, Raised, judge_with_calls
from asgi_probe.spec.hooks import blocking
from asgi_probe.spec.template import VariableError
from tests.judge.nodes import answer, compilation, expectation, judge, problems, told

pytestmark = pytest.mark.anyio

PROBE = object()
SEEN = []


async def invoke(function, *arguments):
    """What an engine does: blocking functions in a thread, async ones awaited; it tells what they raise as such."""
    try:
        found = (
            function(*arguments)
            if inspect.iscoroutinefunction(function) or not getattr(function, "__asgi_probe_blocking__", False)
            else await anyio.to_thread.run_sync(functools.partial(function, *arguments))
        )
        return await found if inspect.isawaitable(found) else found
    except anyio.get_cancelled_exc_class():
        raise
    except BaseException as error:
        raise Raised(error) from error


async def called(spec, body, function, scope=None):
    """The mismatches of an expectation whose every `$call` is that function."""
    c = compilation()
    expected = expectation(spec, c=c)
    assert expected.has_calls is True
    for hook in c.hooks:
        hook.function = function
    calls = Calls(PROBE, invoke)
    given = answer(body if isinstance(body, str) else json.dumps(body))
    return await judge_with_calls(lambda: expected.judge(given, scope or {}), calls)


def is_even(value):
    SEEN.append(value)
    return value % 2 == 0


async def is_even_later(value):
    SEEN.append(value)
    await anyio.sleep(0)
    return value % 2 == 0


@blocking
def is_even_in_a_thread(value):
    SEEN.append(value)
    return value % 2 == 0


class Even:
    async def __call__(self, value):
        return await is_even_later(value)


WAYS = [
    is_even,
    is_even_later,
    is_even_in_a_thread,
    Even(),
    functools.partial(is_even_later),
    lambda value, *_: is_even_later(value),
]


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()


@pytest.mark.parametrize("function", WAYS)
async def test_a_value_is_accepted_or_not(function):
    assert await called("json: {a: {$call: 'shop.checks:is_even'}}", {"a": 4}, function) == []
    (found,) = await called("json: {a: {$call: 'shop.checks:is_even', $because: parity}}", {"a": 3}, function)
    assert (found.where, found.path, found.message) == (
        "json",
        "$.a",
        "expected a value that shop.checks:is_even accepts, got 3",
    )
    assert (found.expected, found.actual, found.line, found.because) == (
        "a value that shop.checks:is_even accepts",
        3,
        1,
        "parity",
    )


@pytest.mark.parametrize("function", WAYS)
@pytest.mark.parametrize(
    ("spec", "body", "messages"),
    [
        ("json: {$each: {$call: 'a:b'}}", [2, 4], []),
        (
            "json: {$each: {$call: 'a:b'}}",
            [2, 3, 5],
            [
                "json $[1] expected a value that a:b accepts, got 3",
                "json $[2] expected a value that a:b accepts, got 5",
            ],
        ),
        ("json: {$some: {$call: 'a:b'}}", [3, 5, 4], []),
        ("json: {$none: {$call: 'a:b'}}", [3, 5], []),
        (
            "json: {$none: {$call: 'a:b'}}",
            [3, 2],
            ["json $[1] expected no element that is a value that a:b accepts, got 2"],
        ),
        ("json: {$not: {$call: 'a:b'}}", 3, []),
        ("json: {$not: {$call: 'a:b'}}", 4, ["json $ expected anything but a value that a:b accepts, got 4"]),
        ("json: {$any: [5, {$call: 'a:b'}]}", 4, []),
        ("json: {$all: [{$call: 'a:b'}, {$not: {$call: 'a:c'}}]}", 4, [
            "json $ expected anything but a value that a:c accepts, got 4"
        ]),
        ("json: {$unordered: [{$call: 'a:b'}, 3]}", [3, 8], []),
        ("json: {$length: {$call: 'a:b'}}", [1, 2], []),
        ("jsonpath: {'$[*]': {$each: {$call: 'a:b'}}, '$[0]': {$call: 'a:b'}}", [2, 4], []),
        ("json: {a: {$call: 'a:b'}}", {}, ["json $.a is missing; there is nothing"]),
        ("json: {a: {$any: [{$is: absent}, {$call: 'a:b'}]}}", {}, []),
        ("status: {$call: 'a:b'}", 1, []),
        ("size: {$call: 'a:b'}", 1, ["size: expected a value that a:b accepts, got 1"]),
    ],
)  # fmt: skip
async def test_inside_other_matchers(function, spec, body, messages):
    assert told(await called(spec, body, function)) == messages


@pytest.mark.parametrize("function", WAYS)
async def test_each_value_is_asked_of_each_matcher_once(function):
    body = [2, 2.0, 4, {"a": 1}, 6]
    assert len(await called("json: {$each: {$any: [{$is: object}, {$call: 'a:b'}]}}", body, function)) == 0
    assert SEEN == [2, 4, 6]


async def test_what_is_told_of_a_text():
    def accepts(value):
        return value == "yes"

    spec = "text: {$call: 'a:b'}\nheaders: {content-type: {$call: 'a:b'}}"
    assert told(await called(spec, "no", accepts)) == [
        "text: expected a value that a:b accepts, got 'no'",
        "headers.content-type: expected a value that a:b accepts, got 'application/json'",
    ]


@pytest.mark.parametrize("wait", [False, True])
@pytest.mark.parametrize(
    ("said", "message"),
    [
        (False, "expected a value that a:b accepts, got 3"),
        (0, "expected a value that a:b accepts, got 3"),
        (None, "expected a value that a:b accepts, got 3; it returned nothing; let it return True for what is right"),
        (AssertionError("too odd"), "too odd"),
        (AssertionError(), "expected a value that a:b accepts, got 3"),
        (AssertionError("x" * 10_000), "x" * 4000),
        (True, None),
        ("yes", None),
    ],
)
async def test_what_it_says(said, message, wait):
    def plain(value):
        if isinstance(said, Exception):
            raise said
        return said

    async def later(value):
        return plain(value)

    found = await called("json: {$call: 'a:b'}", 3, later if wait else plain)
    assert [mismatch.message for mismatch in found] == ([] if message is None else [message])


async def test_a_reason_of_its_own_says_all_that_was_expected():
    def odd(value):
        raise AssertionError("too even")

    (found,) = await called("json: {a: {$call: 'a:b'}}", {"a": 4}, odd)
    assert (found.message, found.expected, found.actual) == ("too even", None, 4)


class Odd(Exception):
    def __str__(self):
        return "odd"


class Undecided:
    def __bool__(self):
        raise ValueError("ambiguous")


@pytest.mark.parametrize("wait", [False, True])
@pytest.mark.parametrize(
    ("said", "message"),
    [
        (ValueError("bad\nvalue"), "shop.checks:is_even raised ValueError('bad\\nvalue')"),
        (Odd(), "shop.checks:is_even raised Odd('odd')"),
        (KeyError(), "shop.checks:is_even raised KeyError()"),
        (SystemExit(3), "shop.checks:is_even raised SystemExit('3')"),
        (Undecided(), "shop.checks:is_even raised ValueError('ambiguous')"),
    ],
)
async def test_any_other_exception_is_an_error(said, message, wait):
    def plain(value):
        SEEN.append(value)
        if isinstance(said, BaseException):
            raise said
        return said

    async def later(value):
        return plain(value)

    spec = "status: 201\njson: {a: {$call: 'shop.checks:is_even'}}\nsize: {$call: 'shop.checks:is_even'}"
    with pytest.raises(Unjudgeable) as caught:
        await called(spec, {"a": 3}, later if wait else plain)
    assert str(caught.value) == message
    assert (caught.value.kind, caught.value.node.line) == (None, 2)
    assert told(caught.value.mismatches) == ["status: expected 201, got 200"]
    assert SEEN == [3, 8]
    if isinstance(said, BaseException):
        assert caught.value.cause is said
    assert caught.value.cause.__traceback__ is not None


async def test_the_probe_is_given_to_whoever_takes_two():
    given = []

    def two(value, probe):
        given.append(probe)
        return True

    def default(value, probe=None):
        given.append(probe)
        return True

    async def later(value, it):
        given.append(it)
        return True

    for function in (two, default, later):
        assert await called("json: {$call: 'a:b'}", 1, function) == []
    assert given == [PROBE] * 3

    def strict(value, strict=True):
        return strict is True

    def many(*values):
        return len(values) == 1

    for function in (strict, many, bool):
        assert await called("json: {$call: 'a:b'}", 1, function) == []


async def test_a_function_of_another_shape_is_an_error():
    with pytest.raises(Unjudgeable, match=r"a:b raised TypeError\(.* missing 1 required positional argument"):
        await called("json: {$call: 'a:b'}", 1, lambda a, b, c: True)


async def test_async_calls_run_one_after_the_other_in_order():
    steps = []

    async def slow(value):
        steps.append(f"begin {value}")
        await anyio.sleep(0.01 if value == 1 else 0)
        steps.append(f"end {value}")
        return True

    assert await called("json: {$each: {$call: 'a:b'}}", [1, 2], slow) == []
    assert steps == ["begin 1", "end 1", "begin 2", "end 2"]


async def test_what_comes_to_light_only_in_a_later_pass_is_asked_too():
    assert await called("json: {$each: {$any: [{$call: 'a:b'}, {$call: 'a:c'}]}}", [1], is_even_later) != []
    assert SEEN == [1, 1]


async def test_passes_are_bounded():
    numbers = iter(range(1000))
    c = compilation()
    expected = expectation("json: {$call: 'a:b'}", c=c)
    c.hooks[0].function = is_even_later
    with pytest.raises(Unjudgeable, match="came to new values 100 times over"):
        await judge_with_calls(lambda: expected.judge(answer(str(next(numbers))), {}), Calls(PROBE, invoke))


async def test_what_fails_for_another_reason_is_told_once_nothing_is_pending():
    spec = "json: {$call: 'a:b'}\nheaders: {x: '${x.y}'}"
    with pytest.raises(VariableError, match="'x'"):
        await called(spec, 3, is_even_later)
    assert SEEN == [3]


async def test_a_timeout_around_it_ends_it():
    async def forever(value):
        await anyio.sleep_forever()

    with anyio.move_on_after(0.05) as scope:
        await called("json: {$call: 'a:b'}", 3, forever)
    assert scope.cancelled_caught


async def test_judgings_at_the_same_time_do_not_meet():
    found = {}

    async def one(number):
        found[number] = await called("json: {$call: 'a:b'}", number, is_even_later)

    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(one, number)
    assert [len(found[number]) for number in range(6)] == [0, 1, 0, 1, 0, 1]


async def test_deep_documents_are_asked_about_once():
    def accepts(value):
        SEEN.append(1)
        return True

    assert await called("json: {$call: 'a:b'}", "[" * 999 + "]" * 999, accepts) == []
    assert SEEN == [1]


def test_outside_of_it_nothing_is_judged():
    with pytest.raises(RuntimeError, match=r"'\$call: a:b' is judged only by judge_with_calls"):
        judge("json: {$call: 'a:b'}", answer("1"))


async def test_a_function_that_was_not_imported():
    with pytest.raises(RuntimeError, match="'a:b' has not been imported"):
        await called("json: {$call: 'a:b'}", 1, None)


def test_an_expectation_says_whether_it_has_calls():
    assert not expectation("json: {a: 1}").has_calls
    assert expectation("json: {a: {$each: {$call: 'a:b'}}}").has_calls is True
    c = compilation()
    assert expectation("json: {$call: 'a:b'}", c=c).has_calls is True
    assert not expectation("json: 5", c=c).has_calls


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "json: {$call: shop}",
            "spec.yaml:1:15: expected 'module:function', found 'shop' (such as 'shop.probes:row_exists')",
        ),
        (
            "json: {$call: '${x}:y'}",
            "spec.yaml:1:15: expected 'module:function', found '${x}:y' (such as 'shop.probes:row_exists')",
        ),
        (
            "json: {$call: [a]}",
            "spec.yaml:1:15: expected 'module:function', found a list (such as 'shop.probes:row_exists')",
        ),
        ("json: {$function: 'a:b'}", "spec.yaml:1:8: unknown matcher '$function' (did you mean '$call'?)"),
    ],
)
def test_what_is_wrong_is_told_before_the_run(spec, message):
    assert problems(spec) == [message]
