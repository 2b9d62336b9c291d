"""How much of a plan runs, and in what order."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_probe.engine.order import Shard, fingerprint, first, only, repeated, sharded, shuffled
from asgi_probe.engine.plan import Asked, CheckPlan, FilePlan

A, B = Asked("a", "app"), Asked("b", "live")


def check(file, name, phase="steps"):
    return CheckPlan(f"{file}::{name}", name, file, 1, (), (), phase=phase)


def plan(name, *names, asked=A, setup=False, teardown=False):
    return FilePlan(
        name,
        asked,
        tuple(check(name, each) for each in names),
        check(name, "setup", "setup") if setup else None,
        check(name, "teardown", "teardown") if teardown else None,
        (),
        {},
        {},
    )


def ids(files):
    return [check.id for file in files for check in file.checks]


def all_of(files):
    return sorted((file.asked.name, check.id) for file in files for check in file.checks)


def among(*wanted):
    return lambda file, check: check.id in wanted


FILES = [plan("1.yaml", "a", "b", "c"), plan("2.yaml", "a", "b", setup=True), plan("3.yaml", "a")]


def test_only_leaves_out_files_of_which_nothing_is_wanted():
    narrowed = only(FILES, among("1.yaml::b", "2.yaml::a"))
    assert ids(narrowed) == ["1.yaml::b", "2.yaml::a"]
    assert narrowed[1].setup is FILES[1].setup


def test_first_keeps_the_order_of_the_rest():
    assert ids(first(FILES, among("1.yaml::c", "3.yaml::a"))) == [
        *("1.yaml::c", "1.yaml::a", "1.yaml::b"),
        "3.yaml::a",
        *("2.yaml::a", "2.yaml::b"),
    ]
    assert ids(first(FILES, among())) == ids(FILES)


# shuffled


MANY = [plan(f"{number}.yaml", *(f"check {each}" for each in range(8))) for number in range(6)]


def test_a_seed_gives_one_order_for_ever():
    few = [plan("1.yaml", *"abcdef"), plan("2.yaml", "a"), plan("3.yaml", "a")]
    assert [each.partition("yaml::")[0] + each[-1] for each in ids(shuffled(few, 7))] == SEVEN


SEVEN = ["1.f", "1.a", "1.d", "1.b", "1.e", "1.c", "2.a", "3.a"]


def test_seeds_differ_and_lose_nothing():
    orders = {tuple(ids(shuffled(MANY, seed))) for seed in range(20)}
    assert len(orders) == 20
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(ids(MANY)))}


def test_files_stay_whole():
    files = shuffled(MANY, 1)
    assert [file.name for file in files] != [file.name for file in MANY]
    assert all(check.file == file.name for file in files for check in file.checks)


def test_where_the_files_stood_does_not_matter():
    mixed = random.Random(1).sample(MANY, len(MANY))
    assert ids(shuffled(mixed, 3)) == ids(shuffled(MANY, 3))


def test_what_is_left_out_changes_nothing_in_the_order_of_the_rest():
    wanted = set(ids(MANY)[::3])
    some = [each for each in ids(shuffled(MANY, 5)) if each in wanted]
    assert ids(shuffled(only(MANY, among(*wanted)), 5)) == some


# repeated


def test_repeated_copies_stand_behind_their_check():
    files, copies = repeated([plan("1.yaml", "a", "b", setup=True)], 3)
    assert ids(files) == [f"1.yaml::{name}" for name in ("a", "a #2", "a #3", "b", "b #2", "b #3")]
    assert [check.name for check in files[0].checks][:2] == ["a", "a #2"]
    assert files[0].setup.id == "1.yaml::setup"
    assert copies["1.yaml::b #3"] == "1.yaml::b"
    assert len(copies) == 4


def test_copies_take_no_id_that_there_is():
    files, copies = repeated([plan("1.yaml", "a", "a #2", "a #3 #2", "a #4")], 3)
    found = ids(files)
    assert len(set(found)) == len(found) == 12
    assert [name for name in found if copies.get(name) == "1.yaml::a"] == ["1.yaml::a #3", "1.yaml::a #5"]


def test_once_is_as_it_is():
    assert repeated(FILES, 1) == (FILES, {})


# sharded


NAMES = st.lists(st.text(min_size=1, max_size=4), unique=True, min_size=1, max_size=8)
PLANS = st.lists(st.tuples(NAMES, st.booleans(), st.booleans(), st.booleans()), max_size=6).map(
    lambda drawn: [
        plan(f"{number}.yaml", *names, asked=asked, setup=setup, teardown=teardown)
        for number, (names, setup, teardown, both) in enumerate(drawn)
        for asked in ([A, B] if both else [A])
    ]
)


@given(PLANS, st.integers(1, 9), st.data())
def test_all_shards_together_run_every_check_once(files, total, data):
    known = data.draw(st.lists(st.sampled_from(ids(files)), unique=True)) if files else []
    durations = {"a": {each: data.draw(st.floats(0, 1e9)) for each in known}}
    parts = [sharded(files, Shard(number, total), durations) for number in range(1, total + 1)]
    assert sorted(each for part in parts for each in all_of(part)) == all_of(files)
    for part in parts:
        for file in part:
            whole = next(each for each in files if each.name == file.name and each.asked is file.asked)
            if whole.setup or whole.teardown:
                assert len(file.checks) == len(whole.checks)
    where = {}
    for number, part in enumerate(parts):
        for check_id in ids(part):
            assert where.setdefault(check_id, number) == number, "what is compared is parted"


@given(PLANS, st.integers(1, 9), st.text(min_size=5, max_size=6))
def test_a_new_check_moves_no_other(files, total, name):
    for number in range(1, total + 1):
        before = set(ids(sharded(files, Shard(number, total), {})))
        after = set(ids(sharded([*files, plan("new.yaml", name)], Shard(number, total), {})))
        assert after - before <= {f"new.yaml::{name}"}
        assert before <= after


def test_the_order_of_files_does_not_matter():
    durations = {"a": {each: len(each) / 7 for each in ids(MANY)[::2]}}
    for known in ({}, durations):
        parts = [set(ids(sharded(files, Shard(2, 3), known))) for files in (MANY, MANY[::-1])]
        assert parts[0] == parts[1]


def test_hashes_spread():
    sizes = [len(ids(sharded(MANY, Shard(number, 4), {}))) for number in range(1, 5)]
    assert sum(sizes) == 48
    assert min(sizes) >= 5


def test_the_longest_goes_first_to_who_has_least():
    files = [plan("1.yaml", *"abcdef")]
    durations = {"a": {f"1.yaml::{name}": seconds for name, seconds in zip("abcdef", (9, 5, 4, 3, 2, 1), strict=True)}}
    assert [ids(sharded(files, Shard(number, 3), durations)) for number in (1, 2, 3)] == [
        ["1.yaml::a"],
        ["1.yaml::b", "1.yaml::e", "1.yaml::f"],
        ["1.yaml::c", "1.yaml::d"],
    ]


def test_what_is_not_known_counts_as_the_median_and_files_with_setup_as_one():
    files = [plan("1.yaml", "a", "b", "c", setup=True), plan("2.yaml", "x", "y", "new")]
    durations = {"a": {"1.yaml::a": 1.0, "1.yaml::b": 1.0, "1.yaml::setup": 4.0, "2.yaml::x": 3.0, "2.yaml::y": 3.0}}
    # the file takes 4 + 1 + 1 + 3, the others 3 each
    assert [ids(sharded(files, Shard(number, 2), durations)) for number in (1, 2)] == [
        ["1.yaml::a", "1.yaml::b", "1.yaml::c"],
        ["2.yaml::x", "2.yaml::y", "2.yaml::new"],
    ]


def test_the_durations_of_another_target_are_not_looked_at():
    durations = {"b": dict.fromkeys(ids(MANY), 1.0)}
    assert ids(sharded(MANY, Shard(1, 2), durations)) == ids(sharded(MANY, Shard(1, 2), {}))
    assert fingerprint(MANY, durations) is None


def test_a_fingerprint_tells_partitions_apart():
    one, other = ({"a": {"1.yaml::a": seconds}} for seconds in (1.0, 2.0))
    assert fingerprint(FILES, one) == fingerprint(FILES[::-1], one)
    assert fingerprint(FILES, one) != fingerprint(FILES, other)
    assert fingerprint(FILES, one) != fingerprint(FILES[:2], one)


@pytest.mark.parametrize("setup", [True, False])
def test_shards_may_be_empty(setup):
    files = [plan("1.yaml", "a", setup=setup)]
    assert sorted(len(sharded(files, Shard(number, 3), {})) for number in (1, 2, 3)) == [0, 0, 1]
