"""Thresholds: how they are written, and what is said of those that are not."""

import pytest

from asgi_probe.engine.thresholds import Filter, Threshold, over, read_thresholds, unknown
from asgi_probe.errors import UsageError
from tests.hostile import HOSTILE_TEXT


def one(text: str) -> Threshold:
    (threshold,) = read_thresholds([text])
    return threshold


def refused(*texts: str) -> str:
    with pytest.raises(UsageError) as caught:
        read_thresholds(texts)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "measure", "percent", "compare", "value"),
    [
        ("p95(time) < 300ms", "percentile", 95, "<", 0.3),
        ("p99.9(time)<=1s", "percentile", 99.9, "<=", 1),
        ("p0(time) > 0ms", "percentile", 0, ">", 0),
        ("p100(time) < 1m30s", "percentile", 100, "<", 90),
        ("P95( time ) <1.5 s", "percentile", 95, "<", 1.5),
        ("median(time) >= 0.5s", "percentile", 50, ">=", 0.5),
        ("min(time) < 1h", "percentile", 0, "<", 3600),
        ("max(time) < 1d", "percentile", 100, "<", 86400),
        ("avg(time) = 2s", "avg", 0, "==", 2),
        ("error_rate < 1%", "error_rate", 0, "<", 0.01),
        ("error_rate < 0.01", "error_rate", 0, "<", 0.01),
        ("error_rate < .5", "error_rate", 0, "<", 0.5),
        ("error_rate == 0", "error_rate", 0, "==", 0),
        ("flaky_rate <= 2.5 %", "flaky_rate", 0, "<=", 0.025),
        ("flaky_rate <= 100%", "flaky_rate", 0, "<=", 1),
    ],
)
def test_what_can_be_written(text, measure, percent, compare, value):
    assert one(text) == Threshold(text, measure, percent, compare, value)


def test_one_that_only_warns():
    assert one("  warn : error_rate < 1%\n") == Threshold(
        "warn : error_rate < 1%", "error_rate", 0, "<", 0.01, (), True
    )


@pytest.mark.parametrize(
    ("braces", "filters"),
    [
        ("{tag:checkout}", (Filter("tag", "checkout"),)),
        (" { tag : Check Out } ", (Filter("tag", "check out"),)),
        ("{target:Staging}", (Filter("target", "Staging"),)),
        ("{tag:a, target:b,tag:c}", (Filter("tag", "a"), Filter("target", "b"), Filter("tag", "c"))),
        ("{tag:a:b}", (Filter("tag", "a:b"),)),
        ("""{tag:"a, 'b' }", tag:'<3'}""", (Filter("tag", "a, 'b' }"), Filter("tag", "<3"))),
        ("{tag:a, tag:A}", (Filter("tag", "a"),)),
    ],
)
def test_of_whom(braces, filters):
    assert one(f"p99(time){braces} < 1s").filters == filters


@pytest.mark.parametrize(
    ("text", "why", "under"),
    [
        ("", "it is empty, expected one such as 'p95(time) < 300ms'", ""),
        ("p95(tme) < 300ms", "unknown measure 'p95(tme)', did you mean 'p95(time)'?", "p95(tme)"),
        ("p95 < 300ms", "unknown measure 'p95', did you mean 'p95(time)'?", "p95"),
        ("p(99) < 300ms", "unknown measure 'p(99)', did you mean 'p99(time)'?", "p(99)"),
        ("median < 300ms", "unknown measure 'median', did you mean 'median(time)'?", "median"),
        ("http_req_duration < 1s", "did you mean 'p95(time)'?", "http_req_duration"),
        ("error_rat < 1%", "unknown measure 'error_rat', did you mean 'error_rate'?", "error_rat"),
        ("size < 1%", "unknown measure 'size', expected one of: p95(time), median(time), avg(time)", "size"),
        ("p101(time) < 1s", "a percentile is from 0 to 100, found 101", "p101(time)"),
        ("p1000(time) < 1s", "unknown measure 'p1000(time)', did you mean", "p1000(time)"),
        ("rate(requests) > 5", "how many requests a run sends follows from its specs", "rate(requests)"),
        ("< 1s", "a measure is missing, expected one of: p95(time)", "<"),
        ("p95(time)", "nothing is compared, expected a comparison and a value", ""),
        ("p95(time) != 1s", "unknown comparison '!=', expected one of: <, <=, >, >=, ==", "!="),
        ("p95(time) < ", "expected a duration such as '300ms' or '1.5s', found nothing", ""),
        ("p95(time) < 300", "expected a duration with its unit such as '300ms', found '300'", "300"),
        ("p95(time) < 5%", "expected a duration such as '300ms' or '1.5s', found '5%'", "5%"),
        ("p95(time) < 400d", "expected a duration such as", "400d"),
        ("p95(time) < -1s", "expected a duration such as", "-1s"),
        ("p95(time) < ٣s", "expected a duration such as", "٣s"),
        ("p95(time) < 1s and avg(time) < 1s", "found '1s and avg(time) < 1s'", "1s and avg(time) < 1s"),
        ("error_rate < 5", "expected a share such as '5%', found '5'", "5"),
        ("error_rate < 1", "expected a share with its unit, write 1% or 100%, found '1'", "1"),
        ("flaky_rate <= 1.0", "expected a share with its unit, write 1% or 100%, found '1.0'", "1.0"),
        ("error_rate < 101%", "expected a share such as '1%' or '0.01', at most '100%'", "101%"),
        ("error_rate < 1s", "expected a share such as '1%' or '0.01', at most '100%', found '1s'", "1s"),
        ("wrn: error_rate < 1%", "'wrn:' is unknown, expected 'warn:' or nothing", "wrn"),
        ("p95(time){tag:a < 1s", "'{' is not closed, expected '{tag:NAME}'", "{"),
        ("p95(time)tag:a} < 1s", "'}' is not expected here", "}"),
        ("p95(time){tag:a}} < 1s", "'{' is not expected here, expected MEASURE{tag:NAME} < VALUE", "{"),
        ("p95(time) < 1s{tag:a}", "'{' is not expected here, expected MEASURE{tag:NAME} < VALUE", "{"),
        ("p95(time) << 1s", "expected a duration such as '300ms' or '1.5s', found '< 1s'", "< 1s"),
        ("p95(time){tagg:a} < 1s", "unknown filter 'tagg', did you mean 'tag'?", "tagg"),
        ("p95(time){checkout} < 1s", "unknown filter 'checkout', expected 'tag:NAME' or", "checkout"),
        ("p95(time){tag} < 1s", "'tag' names nothing, expected 'tag:NAME'", "tag"),
        ("p95(time){tag:} < 1s", "'tag' names nothing, expected 'tag:NAME'", "tag"),
        ("p95(time){tag:''} < 1s", "'tag' names nothing, expected 'tag:NAME'", "tag"),
        ("p95(time){} < 1s", "a filter is missing, expected 'tag:NAME' or 'target:NAME'", "}"),
        ("p95(time){tag:a,} < 1s", "a filter is missing", "}"),
        ("p95(time){target:a, target:b} < 1s", "a check asks one target: write a threshold for each", "target"),
        ("""p95(time){tag:a "b"} < 1s""", "cannot be read, expected 'tag:NAME', with commas", """tag:a "b\""""),
    ],
)
def test_what_is_wrong_is_pointed_at(text, why, under):
    first, shown, caret = refused(text).split("\n")
    assert first.startswith("threshold: ")
    assert why in first
    assert shown == f"  {text.strip()}"
    assert caret.strip() == "^" * max(1, len(under))
    assert shown[caret.index("^") :].startswith(under)


def test_all_that_is_wrong_is_said_at_once():
    told = refused("p95(tme){tga:x} < 1s", "error_rate < 1%", "wrn: max(time) < 3")
    assert [line.partition(",")[0] for line in told.split("\n") if line.startswith("threshold: ")] == [
        "threshold: unknown filter 'tga'",
        "threshold: unknown measure 'p95(tme)'",
        "threshold: 'wrn:' is unknown",
        "threshold: expected a duration with its unit such as '3ms'",
    ]


def test_the_caret_stands_below_wide_letters():
    _, shown, caret = refused("p95(time){tag:東京} < x").split("\n")
    assert shown == "  p95(time){tag:東京} < x"
    assert caret == "  " + " " * (len(shown) - 1) + "^"


@pytest.mark.parametrize("text", [HOSTILE_TEXT, "\ud800 < 1s", "\x1b]0;x\x07 < 1s", "a\nb < 1s", "x" * 100_000])
def test_hostile_texts(text):
    told = refused(f"{text} <> 1s", text if text.strip() else "x")
    assert not {"\x1b", "\x07", "\r", "\0"} & set(told)
    assert max(map(len, told.split("\n"))) < 3_000


def test_too_long():
    assert refused("x" * 600).endswith("…': a threshold has at most 500 characters, found 600")


def test_the_same_one_counts_once():
    assert len(read_thresholds(["p95(time) < 1s", "p95(time) < 1s", "warn: p95(time) < 1s"])) == 2


@pytest.mark.parametrize(
    ("strong", "weak", "counts"),
    [
        ("p95(time) < 1s", "p95(time) < 2s", ["p95(time) < 1s"]),
        ("warn: p50(time) < 1s", "median(time) < 2s", ["warn: p50(time) < 1s"]),
        ("p95(time) < 1s", "p99(time) < 2s", ["p99(time) < 2s", "p95(time) < 1s"]),
        ("p95(time){tag:a} < 1s", "p95(time) < 2s", ["p95(time) < 2s", "p95(time){tag:a} < 1s"]),
        ("p95(time){tag:a,tag:B} < 1s", "p95(time){tag:b,tag:a} < 2s", ["p95(time){tag:a,tag:B} < 1s"]),
        ("error_rate < 1%", "flaky_rate < 1%", ["flaky_rate < 1%", "error_rate < 1%"]),
    ],
)
def test_the_stronger_replaces_what_is_about_the_same(strong, weak, counts):
    assert [each.text for each in over([one(strong)], [one(weak)])] == counts


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("p95(time){tag:chekout} < 1s", "no check has the tag 'chekout', did you mean 'checkout'?"),
        ("p95(time){tag:x} < 1s", "no check has the tag 'x', there are checkout, slow"),
        ("p95(time){target:stagin} < 1s", "there is no target 'stagin', did you mean 'staging'?"),
        ("p95(time){target:STAGING} < 1s", "there is no target 'STAGING', did you mean 'staging'?"),
    ],
)
def test_about_nobody(text, why):
    (told,) = unknown([one(text)], "--threshold", tags=["Checkout", "slow"], targets=["staging"])
    first, shown, caret = told.split("\n")
    assert first == f"--threshold: {why}"
    assert shown[caret.index("^") : caret.rindex("^") + 1] == why.split("'")[1]


def test_about_somebody():
    threshold = one("p95(time){tag:CHECKOUT, target:staging} < 1s")
    assert unknown([threshold], "", tags=["Checkout"], targets=["staging"]) == []
    assert unknown([threshold], "", tags=None, targets=["staging"]) == []


def test_what_there_is_is_not_told_without_end():
    threshold = one("p95(time){tag:x} < 1s")
    (told,) = unknown([threshold], "", tags=[f"tag {number}" * 20 for number in range(1000)], targets=[])
    assert "and 990 more" in told
    assert len(told) < 1_000
    (told,) = unknown([threshold], "", tags=[], targets=[])
    assert "no check has the tag 'x', there are none" in told
