"""Who runs next: files after what they need, checks one after the other where they share a lock."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_probe.engine.agenda import Agenda
from tests.engine.projects import Ran
from tests.engine.test_language import Service

LOCKS = st.lists(st.sampled_from("abc"), max_size=3, unique=True).map(tuple)
FILES = st.lists(st.lists(LOCKS, max_size=5), min_size=1, max_size=4)


def agenda_of(files):
    plans = [
        SimpleNamespace(
            name=str(at), needs=(), checks=[SimpleNamespace(locks=locks, id=(at, n)) for n, locks in enumerate(checks)]
        )
        for at, checks in enumerate(files)
    ]
    return Agenda(plans, lambda plan: SimpleNamespace(plan=plan))


@given(files=FILES, workers=st.integers(1, 5), data=st.data())
def test_all_checks_run_once_and_none_beside_one_of_its_locks(files, workers, data):
    agenda, out, seen = agenda_of(files), [], []
    while True:
        while len(out) < workers and (job := agenda.take()) is not None:
            if job.check is None:
                agenda.ready(job.file)
                continue
            assert not any(set(job.check.locks) & set(other.check.locks) for other in out)
            out.append(job)
            seen.append(job.check.id)
        if not out:
            break
        job = out.pop(data.draw(st.integers(0, len(out) - 1)))
        agenda.done(job.file, job.check)
    assert not agenda.more()
    assert sorted(seen) == [(at, n) for at, checks in enumerate(files) for n in range(len(checks))]


def test_of_one_lock_the_first_goes_first():
    agenda = agenda_of([[("a",)] * 4 + [()], [("a",)] * 3])
    seen = []
    while (job := agenda.take()) is not None:
        if job.check is None:
            agenda.ready(job.file)
            continue
        seen.append(job.check.id)
        agenda.done(job.file, job.check)
    assert [each for each in seen if each != (0, 4)] == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2)]


def test_giving_up_leaves_nothing_in_line():
    agenda = agenda_of([[("a",)] * 3])
    agenda.ready(agenda.take().file)
    agenda.take()
    assert agenda.take() is None
    assert agenda.more()
    agenda.give_up()
    assert not agenda.more()


@pytest.mark.anyio
async def test_who_waits_for_a_lock_takes_nobodys_place(tmp_path):
    row = "each: [" + ", ".join(f"{{n: {n}}}" for n in range(6)) + "]"
    text = f"checks: [{{get: '/a/${{n}}', lock: x, {row}}}, {{get: '/b/${{n}}', {row}}}]"
    service = Service()
    await Ran(tmp_path, text, app=service, concurrency=2).ended()
    assert service.most == 2
    assert [each for each in service.asked if "/a/" in each] == [f"GET /a/{n}" for n in range(6)]
    assert "GET /b/0" in service.asked[:2], "while one has the lock, another worker has something else to do"


def test_who_must_wait_for_another_lock_lets_the_next_in_line_go_on():
    agenda = agenda_of([[("b",), ("a",), ("a", "b"), ("a",)]])
    agenda.ready(agenda.take().file)
    _, second = agenda.take(), agenda.take()
    assert agenda.take() is None
    agenda.done(second.file, second.check)
    assert agenda.take().check.id == (0, 3), "the third waits for b, and a is free"
