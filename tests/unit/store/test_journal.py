"""Test the journal's state machine: claims, waits, moves, and the pruning of old documents."""

import time
from pathlib import Path

import pytest

from journals import moves
from scanmend.document import MOVES, Document, EndDoubt, FileSnapshot, State
from scanmend.store.journal import IllegalMove, Journal

SEEN = FileSnapshot(b"a/b\xff.png", 10, 20, 30)


def _claimed(journal: Journal, seen: FileSnapshot = SEEN, sha256: str = "f00") -> Document:
    document = journal.claim(seen, sha256, "default")
    assert document is not None
    return document


def _done(journal: Journal, name: str, *, kept: bool = False) -> Document:
    document = _claimed(journal, FileSnapshot(name.encode(), 1, 2, 3), f"of {name}")
    for state in (State.READING, State.PUBLISHING, State.PUTTING_AWAY):
        document = journal.move(document, state, "")
    return journal.move(document, State.DONE, "", kept=kept)


def test_every_state_is_in_the_table_and_final_states_have_no_moves() -> None:
    assert {*State, None} == set(MOVES)
    assert MOVES[State.DONE] == MOVES[State.GONE] == frozenset()


def test_a_file_is_claimed_once(journal: Journal) -> None:
    document = _claimed(journal)

    assert document.state == State.QUEUED
    assert journal.claim(SEEN, "f00", "default") is None
    assert journal.in_hand(SEEN)
    assert not journal.in_hand(FileSnapshot(SEEN.path, 11, 20, 30))


def test_the_claim_of_a_waiting_file_continues_its_row(journal: Journal, tmp_path: Path) -> None:
    journal.note_waiting(SEEN, 1234.5, "growing")
    journal.note_waiting(SEEN, 9999.9, "incomplete")
    waiting = journal.waiting(SEEN.path)
    assert waiting is not None
    assert (waiting.first_seen, waiting.reason) == (1234.5, "incomplete")

    doubt = EndDoubt("odd end", "odd end; it was read all the same")
    document = journal.claim(SEEN, "f00", "default", [doubt])

    assert document is not None
    assert (document.id, document.first_seen) == (waiting.id, 1234.5)
    assert (document.sha256, document.profile) == ("f00", "default")
    assert (document.reason, document.end_doubts) == (doubt.warning, (doubt,))
    assert moves(tmp_path, document.id) == ["settling", "queued"]


def test_a_waiting_file_that_changes_counts_as_never_opened(journal: Journal) -> None:
    document = journal.move(_claimed(journal), State.READING, "")
    journal.move(document, State.SETTLING, "incomplete")
    assert journal.note_waiting(SEEN, 0, "incomplete").sha256 == "f00"

    journal.note_waiting(FileSnapshot(SEEN.path, 11, 21, 30), 0, "growing")

    waiting = journal.waiting(SEEN.path)
    assert waiting is not None
    assert (waiting.size, waiting.sha256) == (11, "")


def test_a_move_that_is_not_in_the_table_is_refused(journal: Journal, tmp_path: Path) -> None:
    document = _claimed(journal)

    with pytest.raises(IllegalMove, match="queued -> done is no move"):
        journal.move(document, State.DONE, "no")

    assert journal.document(document.id) == document
    assert moves(tmp_path, document.id) == ["queued"]


def test_a_move_from_a_state_that_the_document_has_left_is_refused(
    journal: Journal, tmp_path: Path
) -> None:
    document = _claimed(journal)
    journal.move(document, State.READING, "yes")

    with pytest.raises(IllegalMove, match="not queued any more, so it can't become reading"):
        journal.move(document, State.READING, "again")

    assert journal.counts() == {State.READING: 1}
    assert moves(tmp_path, document.id) == ["queued", "reading"]


def test_a_move_preserves_outcome_and_kept(journal: Journal) -> None:
    document = journal.move(_claimed(journal), State.PUTTING_AWAY, "broken", outcome="damaged")
    document = journal.move(document, State.FAILED, "broken", kept=True)
    assert (document.outcome, document.kept) == ("damaged", 1)

    document = journal.move(document, State.GONE, "dropped again")

    assert (document.outcome, document.kept) == ("damaged", 1)


def test_reason_stem_and_place_are_noted_without_a_move(journal: Journal) -> None:
    document = _claimed(journal)

    journal.note_reason(document, "waits: the disk is full")
    journal.note_stem(document, "scan-2")
    noted = journal.note_put_away(document, b"/failed/a\xff")

    assert noted == journal.document(document.id)
    assert (noted.reason, noted.stem) == ("waits: the disk is full", "scan-2")
    assert (noted.put_away, noted.state) == (b"/failed/a\xff", State.QUEUED)


def test_reading_a_missing_document_is_an_error(journal: Journal) -> None:
    with pytest.raises(LookupError, match="no document 7"):
        journal.document(7)


def test_a_failed_file_dropped_again_is_a_new_document(journal: Journal) -> None:
    first = journal.move(_claimed(journal), State.PUTTING_AWAY, "broken", outcome="damaged")
    journal.move(first, State.FAILED, "broken")

    second = _claimed(journal)

    assert second.id != first.id
    assert journal.counts() == {State.GONE: 1, State.QUEUED: 1}


def test_another_file_does_not_replace_a_failed_one(journal: Journal) -> None:
    first = journal.move(_claimed(journal), State.PUTTING_AWAY, "broken", outcome="damaged")
    journal.move(first, State.FAILED, "broken")

    _claimed(journal, sha256="another")

    assert journal.counts() == {State.FAILED: 1, State.QUEUED: 1}


def test_a_kept_original_is_known_for_ever(journal: Journal) -> None:
    kept = _done(journal, "a", kept=True)

    assert journal.claim(FileSnapshot(b"a", 1, 2, 3), kept.sha256, "default") is None
    assert journal.lease_state(b"a") == (False, kept.sha256)


def test_a_claimed_document_is_in_work_for_its_lease(journal: Journal) -> None:
    assert journal.lease_state(SEEN.path) == (False, "")

    _claimed(journal)

    assert journal.lease_state(SEEN.path) == (True, "")


def test_a_touched_file_is_still_the_claimed_one(journal: Journal) -> None:
    """Compare the content: a NAS or a virus scanner may set a new time or copy the file."""
    _claimed(journal)
    touched = FileSnapshot(SEEN.path, SEEN.size, 99, 98)

    assert journal.claim(touched, "f00", "default") is None
    assert journal.in_hand(touched)
    _claimed(journal, FileSnapshot(SEEN.path, SEEN.size, 97, 96), "another")


def test_old_documents_are_pruned_a_few_at_a_time(journal: Journal, tmp_path: Path) -> None:
    old = [_done(journal, f"{number}") for number in range(5)]
    failed = _claimed(journal)
    journal.move(failed, State.PUTTING_AWAY, "broken", outcome="damaged")
    journal.move(journal.document(failed.id), State.FAILED, "broken")
    kept = _done(journal, "kept", kept=True)
    last = _done(journal, "last")
    later = time.time() + 1

    assert journal.prune(1.0, 10) == 0
    assert [journal.prune(later, 3) for _ in range(3)] == [3, 2, 0]

    assert [d.id for d in journal.in_state(*State)] == [failed.id, kept.id, last.id]
    assert [moves(tmp_path, document.id) for document in old] == [[]] * 5
    assert moves(tmp_path, kept.id)[-1] == "done"


def test_no_number_is_used_twice(journal: Journal) -> None:
    """Keep numbers unique: a hook that has had the highest number would miss the next document."""
    old = _done(journal, "old")
    told = journal.last_move()
    journal.prune(time.time() + 1, 10)

    new = _done(journal, "new")

    assert new.id > old.id
    found = journal.next_move(told, (State.DONE,))
    assert found is not None
    assert found[1].id == new.id
