import pytest

from asgi_probe.engine.selection import compile_expression, has_tag, in_name
from asgi_probe.errors import UsageError


@pytest.mark.parametrize(
    ("expression", "tags", "holds"),
    [
        ("smoke", ("smoke",), True),
        ("smoke", ("slow",), False),
        ("Smoke", ("smoke",), True),
        ("smoke and not slow", ("smoke",), True),
        ("smoke and not slow", ("smoke", "slow"), False),
        ("a or b and c", ("a",), True),
        ("(a or b) and c", ("a",), False),
        ("(a or b) and c", ("b", "c"), True),
        ("not not a", ("a",), True),
        ("not not not a", ("a",), False),
        ("not " * 999 + "a", ("a",), False),
        ("not (a and not b)", ("a",), False),
        ("not (a and not b)", ("a", "b"), True),
        ("(" * 50 + "a" + ")" * 50, ("a",), True),
        (" or ".join("(" * 49 + "x" + ")" * 49 for _ in range(9)) + " or a", ("a",), True),
        ("not (a or b)", (), True),
        ('"and"', ("and",), True),
        ("'two words'", ("two words",), True),
        ("team:shop-1", ("team:shop-1",), True),
    ],
)
def test_tag_expressions(expression: str, tags: tuple[str, ...], holds: bool) -> None:
    assert compile_expression(expression, "--tag")(has_tag(tags)) is holds


@pytest.mark.parametrize(
    ("expression", "name", "holds"),
    [
        ("tomato", "the root says Tomato", True),
        ("root says", "the root says tomato", True),
        ("root says and not tomato", "the root says tomato", False),
        ("/items", "GET /items/7", True),
        ("says root", "the root says tomato", False),
    ],
)
def test_name_expressions(expression: str, name: str, holds: bool) -> None:
    assert compile_expression(expression, "-k", phrases=True)(in_name(name)) is holds


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "a word is expected, found the end"),
        ("a and", "a word is expected, found the end"),
        ("and a", "a word is expected, found 'and'"),
        ("(a", "a bracket is not closed"),
        ("a)", "')' stands where 'and' or 'or' is expected"),
        ("a b", "'b' stands where 'and' or 'or' is expected"),
        ("'a", "a quote is not closed"),
        ("not", "a word is expected, found the end"),
        ("()", "a word is expected, found ')'"),
    ],
)
def test_wrong_expressions_say_what_is_wrong(expression: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        compile_expression(expression, "--tag")
    assert why in str(caught.value)
    assert f"--tag {expression!r}" in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("(" * 50_000, "more than 1,000 words and brackets"),
        ("not " * 50_000 + "a", "more than 1,000 words and brackets"),
        ("a or " * 500 + "a", "more than 1,000 words and brackets"),
        ("(" * 51 + "a" + ")" * 51, "brackets stand deeper than 50 in each other"),
        ("(" * 1000, "brackets stand deeper than 50 in each other"),
        ("'" + "a" * 50_000, "a quote is not closed"),
    ],
)
def test_endless_expressions_are_refused_in_short(expression: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        compile_expression(expression, "-k", phrases=True)
    assert why in str(caught.value)
    assert len(str(caught.value)) < 400


def test_the_longest_expression_is_none_too_many() -> None:
    assert compile_expression(" or ".join(f"t{number}" for number in range(500)), "--tag")(has_tag(("t499",)))
