"""The order of pages."""

import tracemalloc

import pytest

from scanmend.pipeline.scheduler import CONTENTS, OVERTAKEN, Job, Scheduler


def _drain(schedule: Scheduler) -> list[Job]:
    jobs = []
    while job := schedule.take(0):
        jobs.append(job)
    return jobs


def test_pages_of_one_document_come_in_order() -> None:
    schedule = Scheduler()
    schedule.add(1, [2, 0, 1], came=0)

    assert [Job(1, 0), Job(1, 1), Job(1, 2)] == _drain(schedule)


def test_a_short_document_overtakes_a_long_one() -> None:
    schedule = Scheduler()
    schedule.add(1, list(range(500)), came=0)
    assert Job(1, 0) == schedule.take(0)

    schedule.add(2, [0], came=1)

    assert Job(2, 0) == schedule.take(0)
    assert Job(1, 1) == schedule.take(0)


def test_a_document_that_was_looked_into_goes_on_before_later_ones_are_looked_into() -> None:
    schedule = Scheduler()
    for number in range(3):
        schedule.add(number, [CONTENTS], came=0.001 * number)
    job = schedule.take(0)
    assert job == Job(0, CONTENTS)

    schedule.add(0, [0], came=0)
    schedule.done(job)

    assert schedule.take(0) == Job(0, 0)


def test_100_000_in_line_are_held_in_little() -> None:
    """By what each takes: the daemon's limit is 100 MB with that many."""
    schedule = Scheduler()
    tracemalloc.start()
    try:
        for number in range(2_000):
            schedule.add(number, [CONTENTS], came=1e9 + number)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert taken < 2_000 * 700


def test_a_long_document_is_not_starved() -> None:
    """A stream of one-page documents that never ends: the book gets its share of the pages."""
    schedule = Scheduler()
    schedule.add(0, list(range(100)), came=0)
    served = []
    for number in range(1, 3000):
        schedule.add(number, [0], came=float(number))
        job = schedule.take(0)
        assert job
        served.append(job.document)
        schedule.done(job)

    assert served[: OVERTAKEN + 1].count(0) == 1
    assert served[: 100 * (OVERTAKEN + 1)].count(0) == 100


@pytest.mark.parametrize("pages_a_second", [0.5, 1.0, 4.0])
def test_a_receipt_waits_for_a_page_however_slow_the_engine(pages_a_second: float) -> None:
    """Also behind a book that is nearly done and has waited for long."""
    schedule = Scheduler()
    schedule.add(0, list(range(500)), came=0)
    now, came, served = 0.0, [0.0], []
    while len(schedule):
        while now >= 5.0 * len(came) and 0 not in served:
            schedule.add(len(came), [0], came=5.0 * len(came))
            came.append(5.0 * len(came))
        job = schedule.take(0)
        assert job
        now += 1 / pages_a_second
        schedule.done(job)
        if job.document:
            assert now - came[job.document] <= 2 / pages_a_second
        elif job.number == 499:
            served.append(0)


def test_of_two_that_wait_the_older_has_the_share() -> None:
    schedule = Scheduler()
    schedule.add(1, list(range(60)), came=2)
    schedule.add(2, list(range(50)), came=1)
    schedule.add(3, list(range(40)), came=3)

    jobs = [schedule.take(0) for _ in range(OVERTAKEN + 2)]

    assert [Job(3, n) for n in range(OVERTAKEN)] == jobs[:OVERTAKEN]
    assert [Job(2, 0), Job(3, OVERTAKEN)] == jobs[OVERTAKEN:]


def test_the_share_of_one_that_rests_goes_to_the_next() -> None:
    schedule = Scheduler()
    schedule.add(1, list(range(60)), came=1)
    schedule.add(2, list(range(50)), came=2)
    schedule.add(3, list(range(40)), came=3)
    schedule.give_back(Job(1, 60), delay=3600)

    jobs = [schedule.take(0) for _ in range(OVERTAKEN + 1)]

    assert Job(2, 0) == jobs[-1]


def test_a_job_given_back_is_taken_again_after_its_rest() -> None:
    schedule = Scheduler()
    schedule.add(1, [0], came=0)
    job = schedule.take(0)
    assert job

    schedule.give_back(job, delay=0.2)

    assert schedule.take(0) is None
    assert job == schedule.take(30)


def test_a_resting_document_does_not_hold_up_others() -> None:
    schedule = Scheduler()
    schedule.add(1, [0], came=0)
    job = schedule.take(0)
    assert job
    schedule.give_back(job, delay=3600)
    schedule.add(2, [0, 1], came=9)

    assert [Job(2, 0), Job(2, 1)] == _drain(schedule)


def test_a_dropped_document_has_no_more_jobs() -> None:
    schedule = Scheduler()
    schedule.add(1, [0, 1], came=0)
    job = schedule.take(0)
    assert job

    schedule.drop(1)
    schedule.give_back(job)
    schedule.done(job)

    assert schedule.take(0) is None
    assert len(schedule) == 0


def test_close_ends_the_waiting() -> None:
    schedule = Scheduler()
    schedule.add(1, [0], came=0)
    schedule.close()

    assert schedule.take(3600) is None


def test_contents_then_pages() -> None:
    """What a read slot does: the look at the contents brings the pages, then the look is done."""
    schedule = Scheduler()
    schedule.add(1, [-1], came=0)
    look = schedule.take(0)
    assert look == Job(1, -1)

    schedule.add(1, [0, 1], came=0)
    schedule.done(look)

    assert [Job(1, 0), Job(1, 1)] == _drain(schedule)
    schedule.done(Job(1, 0))
    schedule.done(Job(1, 1))
    assert len(schedule) == 0
