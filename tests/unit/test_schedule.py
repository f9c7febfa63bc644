"""The order of pages."""

from scanmend.schedule import PAGES_PER_SECOND, Job, Schedule


def _drain(schedule: Schedule) -> list[Job]:
    jobs = []
    while job := schedule.take(0):
        jobs.append(job)
    return jobs


def test_pages_of_one_document_come_in_order() -> None:
    schedule = Schedule()
    schedule.add(1, [2, 0, 1], came=0)

    assert [Job(1, 0), Job(1, 1), Job(1, 2)] == _drain(schedule)


def test_a_short_document_overtakes_a_long_one() -> None:
    schedule = Schedule()
    schedule.add(1, list(range(500)), came=0)
    assert Job(1, 0) == schedule.take(0)

    schedule.add(2, [0], came=1)

    assert Job(2, 0) == schedule.take(0)
    assert Job(1, 1) == schedule.take(0)


def test_a_long_document_is_not_starved() -> None:
    """A steady stream of one-page documents: the book's turn comes by its age."""
    schedule = Schedule()
    schedule.add(0, list(range(100)), came=0)
    served = []
    for number in range(1, 3000):
        schedule.add(number, [0], came=float(number))
        job = schedule.take(0)
        assert job
        served.append(job.document)
        schedule.done(job)

    assert 0 in served
    assert served.index(0) <= 100 / PAGES_PER_SECOND + 1
    assert served.count(0) == 100


def test_a_job_given_back_is_taken_again_after_its_rest() -> None:
    schedule = Schedule()
    schedule.add(1, [0], came=0)
    job = schedule.take(0)
    assert job

    schedule.give_back(job, delay=0.2)

    assert schedule.take(0) is None
    assert job == schedule.take(30)


def test_a_resting_document_does_not_hold_up_others() -> None:
    schedule = Schedule()
    schedule.add(1, [0], came=0)
    job = schedule.take(0)
    assert job
    schedule.give_back(job, delay=3600)
    schedule.add(2, [0, 1], came=9)

    assert [Job(2, 0), Job(2, 1)] == _drain(schedule)


def test_a_dropped_document_has_no_more_jobs() -> None:
    schedule = Schedule()
    schedule.add(1, [0, 1], came=0)
    job = schedule.take(0)
    assert job

    schedule.drop(1)
    schedule.give_back(job)
    schedule.done(job)

    assert schedule.take(0) is None
    assert len(schedule) == 0


def test_close_ends_the_waiting() -> None:
    schedule = Schedule()
    schedule.add(1, [0], came=0)
    schedule.close()

    assert schedule.take(3600) is None


def test_contents_then_pages() -> None:
    """What a read slot does: the look at the contents brings the pages, then the look is done."""
    schedule = Schedule()
    schedule.add(1, [-1], came=0)
    look = schedule.take(0)
    assert look == Job(1, -1)

    schedule.add(1, [0, 1], came=0)
    schedule.done(look)

    assert [Job(1, 0), Job(1, 1)] == _drain(schedule)
    schedule.done(Job(1, 0))
    schedule.done(Job(1, 1))
    assert len(schedule) == 0
