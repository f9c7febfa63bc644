"""Test the facts for people, and the values that the daemon remembers for itself."""

import time
from pathlib import Path

from scanmend.document import FactKey
from scanmend.store.facts import Memory
from scanmend.store.journal import Journal
from scanmend.store.queries import JournalReader


def test_a_reader_sees_the_facts_of_the_writer(journal: Journal, tmp_path: Path) -> None:
    journal.facts.set(FactKey.INBOX, "gone", "the share is not mounted")
    reader = JournalReader.open_beside(str(tmp_path))
    assert reader is not None
    try:
        fact = reader.facts.all()["inbox"]
        assert (fact.value, fact.reason) == ("gone", "the share is not mounted")
        assert fact.since <= time.time()
        journal.facts.clear(FactKey.INBOX)
        assert reader.facts.all() == {}
    finally:
        reader.close()


def test_remembered_values_are_not_among_the_facts_for_people(journal: Journal) -> None:
    journal.facts.remember(Memory.ROOT, "/inbox", "{}")
    journal.facts.remember(Memory.OWNER, "", "desk-1", "machine")
    journal.facts.set(FactKey.MODEL, "loaded")

    assert list(journal.facts.all()) == ["model"]
    owner = journal.facts.recall(Memory.OWNER)
    assert owner is not None
    assert (owner.value, owner.reason) == ("desk-1", "machine")
    assert journal.facts.recall(Memory.ROOT, "/outbox") is None


def test_a_new_fact_replaces_the_one_of_its_key(journal: Journal) -> None:
    journal.facts.set(FactKey.MODEL, "loading")
    journal.facts.set(FactKey.MODEL, "loaded")
    journal.facts.remember(Memory.HOOK_POSITION, "webhook", "1")
    journal.facts.remember(Memory.HOOK_POSITION, "webhook", "2")

    assert journal.facts.all()["model"].value == "loaded"
    told = journal.facts.recall(Memory.HOOK_POSITION, "webhook")
    assert told is not None
    assert told.value == "2"
