"""Test the order in which pages are read."""

import tracemalloc

import pytest

from scanmend.pipeline.scheduler import MAX_OVERTAKING_PAGES, ContentsJob, Job, PageJob, Scheduler


def _drain(scheduler: Scheduler) -> list[Job]:
    jobs = []
    while job := scheduler.take(0):
        jobs.append(job)
    return jobs


def test_pages_of_one_document_come_in_order() -> None:
    scheduler = Scheduler()
    scheduler.add_pages(1, [2, 0, 1], arrived=0)

    assert [PageJob(1, 0), PageJob(1, 1), PageJob(1, 2)] == _drain(scheduler)


def test_a_short_document_overtakes_a_long_one() -> None:
    scheduler = Scheduler()
    scheduler.add_pages(1, range(500), arrived=0)
    assert PageJob(1, 0) == scheduler.take(0)

    scheduler.add_pages(2, [0], arrived=1)

    assert PageJob(2, 0) == scheduler.take(0)
    assert PageJob(1, 1) == scheduler.take(0)


def test_the_pages_of_an_opened_document_are_read_before_later_documents_are_opened() -> None:
    scheduler = Scheduler()
    for number in range(3):
        scheduler.add_contents(number, arrived=0.001 * number)
    job = scheduler.take(0)
    assert job == ContentsJob(0)

    scheduler.add_pages(0, [0], arrived=0)
    scheduler.done(job)

    assert scheduler.take(0) == PageJob(0, 0)


def test_100_000_waiting_documents_take_little_memory() -> None:
    """Measure the memory for each document: with that many, the daemon's limit is 100 MB."""
    scheduler = Scheduler()
    tracemalloc.start()
    try:
        for number in range(2_000):
            scheduler.add_contents(number, arrived=1e9 + number)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert taken < 2_000 * 700


def test_a_long_document_is_not_starved() -> None:
    """Keep adding one-page documents: the book must still get its share of the pages."""
    scheduler = Scheduler()
    scheduler.add_pages(0, range(100), arrived=0)
    served = []
    for number in range(1, 3000):
        scheduler.add_pages(number, [0], arrived=float(number))
        job = scheduler.take(0)
        assert job
        served.append(job.document)
        scheduler.done(job)

    share = MAX_OVERTAKING_PAGES + 1
    assert served[:share].count(0) == 1
    assert served[: 100 * share].count(0) == 100


@pytest.mark.parametrize("pages_a_second", [0.5, 1.0, 4.0])
def test_a_receipt_waits_for_at_most_two_pages_at_any_speed_of_the_engine(
    pages_a_second: float,
) -> None:
    """Drop receipts beside a book until the book is done: at its end, it has waited longest."""
    scheduler = Scheduler()
    scheduler.add_pages(0, range(500), arrived=0)
    now, arrivals, served = 0.0, [0.0], []
    while len(scheduler):
        while now >= 5.0 * len(arrivals) and 0 not in served:
            scheduler.add_pages(len(arrivals), [0], arrived=5.0 * len(arrivals))
            arrivals.append(5.0 * len(arrivals))
        job = scheduler.take(0)
        assert isinstance(job, PageJob)
        now += 1 / pages_a_second
        scheduler.done(job)
        if job.document:
            assert now - arrivals[job.document] <= 2 / pages_a_second
        elif job.number == 499:
            served.append(0)


def test_the_reserved_share_belongs_to_the_document_that_waits_longest() -> None:
    scheduler = Scheduler()
    scheduler.add_pages(1, range(60), arrived=2)
    scheduler.add_pages(2, range(50), arrived=1)
    scheduler.add_pages(3, range(40), arrived=3)

    jobs = [scheduler.take(0) for _ in range(MAX_OVERTAKING_PAGES + 2)]

    overtaking = [PageJob(3, number) for number in range(MAX_OVERTAKING_PAGES)]
    assert overtaking == jobs[:MAX_OVERTAKING_PAGES]
    assert [PageJob(2, 0), PageJob(3, MAX_OVERTAKING_PAGES)] == jobs[MAX_OVERTAKING_PAGES:]


def test_the_reserved_share_of_a_delayed_document_goes_to_the_next() -> None:
    scheduler = Scheduler()
    scheduler.add_pages(1, range(60), arrived=1)
    scheduler.add_pages(2, range(50), arrived=2)
    scheduler.add_pages(3, range(40), arrived=3)
    scheduler.give_back(PageJob(1, 60), delay=3600)

    jobs = [scheduler.take(0) for _ in range(MAX_OVERTAKING_PAGES + 1)]

    assert PageJob(2, 0) == jobs[-1]


@pytest.mark.parametrize("contents", [False, True])
def test_a_job_given_back_is_taken_again_after_its_delay(contents: bool) -> None:
    scheduler = Scheduler()
    if contents:
        scheduler.add_contents(1, arrived=0)
    else:
        scheduler.add_pages(1, [0], arrived=0)
    job = scheduler.take(0)
    assert job

    scheduler.give_back(job, delay=0.2)

    assert scheduler.take(0) is None
    assert job == scheduler.take(30)


def test_a_delayed_document_does_not_hold_up_others() -> None:
    scheduler = Scheduler()
    scheduler.add_pages(1, [0], arrived=0)
    job = scheduler.take(0)
    assert job
    scheduler.give_back(job, delay=3600)
    scheduler.add_pages(2, [0, 1], arrived=9)

    assert [PageJob(2, 0), PageJob(2, 1)] == _drain(scheduler)


def test_a_page_given_back_is_given_to_its_own_document_only() -> None:
    """Guard against a shared empty list of all documents without pages."""
    scheduler = Scheduler()
    scheduler.add_contents(1, arrived=0)
    scheduler.add_contents(2, arrived=1)

    scheduler.give_back(PageJob(1, 7))

    assert [ContentsJob(2), ContentsJob(1), PageJob(1, 7)] == _drain(scheduler)


def test_a_dropped_document_has_no_more_jobs() -> None:
    scheduler = Scheduler()
    scheduler.add_pages(1, [0, 1], arrived=0)
    job = scheduler.take(0)
    assert job

    scheduler.drop(1)
    scheduler.give_back(job)
    scheduler.done(job)

    assert scheduler.take(0) is None
    assert len(scheduler) == 0


def test_closing_wakes_a_waiting_slot() -> None:
    scheduler = Scheduler()
    scheduler.add_pages(1, [0], arrived=0)
    scheduler.close()

    assert scheduler.take(3600) is None


def test_pages_follow_the_contents_of_their_document() -> None:
    """Add a document's pages before its contents job is done, as a read slot does."""
    scheduler = Scheduler()
    scheduler.add_contents(1, arrived=0)
    look = scheduler.take(0)
    assert look == ContentsJob(1)

    scheduler.add_pages(1, [0, 1], arrived=0)
    scheduler.done(look)

    assert [PageJob(1, 0), PageJob(1, 1)] == _drain(scheduler)
    scheduler.done(PageJob(1, 0))
    scheduler.done(PageJob(1, 1))
    assert len(scheduler) == 0
