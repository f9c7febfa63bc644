"""Audit a run under faults: each dropped file must have exactly its expected result, and nothing else may be left."""

import hashlib
import json
import random
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from hostile.made import encoded
from running import Tree
from samples import page
from scanmend.document import MOVES, State
from scanmend.store.queries import JournalReader

WORDS = (
    "harbour granary ledger carrier stationer envelope parcel lantern orchard chimney copper velvet"
)
FINAL = (State.DONE, State.FAILED)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file for the inbox. A ``good`` one must be published, any other must fail."""

    name: str
    data: bytes
    good: bool = True

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def documents(count: int, seed: int) -> list[Dropped]:
    """Return pictures, books of a few pages and files that must fail, in folders; some have the same name."""
    rng = random.Random(seed)
    return [_document(number, rng) for number in range(count)]


def _document(number: int, rng: random.Random) -> Dropped:
    def leaf(which: int) -> Any:
        words = " ".join(rng.choice(WORDS.split()) for _ in range(3))
        return page([f"{words} {number} {which}"], size=(560, 80), points=22)

    folder = rng.choice(("", "", "letters/", "letters/old/", "bills/"))
    kind = rng.random()
    if kind < 0.08:
        return Dropped(f"{folder}bad-{number:03}.pdf", b"no scan %d\n" % number, good=False)
    if kind < 0.2:
        pages = [leaf(n) for n in range(3)]
        book = encoded("TIFF", pages[0], save_all=True, append_images=pages[1:])
        return Dropped(f"{folder}book-{number:03}.tif", book)
    if kind < 0.3:
        return Dropped(f"{folder}form-{number:03}.pdf", encoded("PDF", leaf(0), resolution=150))
    stem = "scan" if kind < 0.4 else f"scan-{number:03}"
    return Dropped(f"{folder}{number:03}/{stem}.png", encoded("PNG", leaf(0)))


@dataclass(slots=True)
class Ledger:
    """The dropped files, and their results in an undisturbed run: text and lines by the file's sha256."""

    dropped: list[Dropped]
    expected: dict[str, tuple[str, list[Any]]] = field(default_factory=dict)
    # names of files that were removed and put back: a second document if the first was done by then
    put_back: set[str] = field(default_factory=set)

    def take_reference(self, tree: Tree) -> None:
        """Take the expected results from an undisturbed run."""
        self.expected = {key: value for key, value, _ in _results(tree)}
        missing = {d.sha256 for d in self.dropped if d.good} - self.expected.keys()
        assert not missing, f"the undisturbed run did not publish {len(missing)} of them"

    def settled(self, tree: Tree) -> bool:
        """Return whether every file has its final state and nothing is in work."""
        journal = JournalReader.open_beside(str(tree.state))
        if journal is None:
            return False
        try:
            final = {d.sha256 for d in journal.in_state(*FINAL)}
            open_ = list(journal.in_state(*(s for s in State if s not in (*FINAL, State.GONE))))
        finally:
            journal.close()
        return not open_ and {d.sha256 for d in self.dropped} <= final

    def violations(self, tree: Tree) -> list[str]:
        """Return all violations after the daemon has stopped."""
        return [
            *self._wrong_results(tree),
            *self._wrong_originals(tree),
            *_temporary(tree),
            *_processes(tree),
            *self._wrong_journal(tree),
        ]

    def _wrong_results(self, tree: Tree) -> list[str]:
        wrong = []
        found = Counter[str]()
        texts = set()
        for sha256, value, text in _results(tree):
            found[sha256] += 1
            texts.add(text)
            if self.expected.get(sha256) != value:
                wrong.append(f"other than undisturbed: {text}")
        names = {d.sha256: d.name for d in self.dropped}
        for dropped in self.dropped:
            count = found.pop(dropped.sha256, 0)
            if count > dropped.good:
                wrong.append(f"duplicated: {dropped.name}, {count} results")
            elif count < dropped.good:
                wrong.append(f"lost: {dropped.name} has no result")
        wrong += [f"unexplained: a result of {names.get(sha256, sha256)}" for sha256 in found]
        for path in tree.outbox.rglob("*.txt"):
            if path not in texts:
                wrong.append(f"half-written: {path.relative_to(tree.outbox)} has no sidecar")
        return wrong

    def _wrong_originals(self, tree: Tree) -> list[str]:
        wrong = [f"not put away: {n}" for n in tree.files(tree.inbox) if ".scanmend" not in n]
        for folder, good in ((tree.archive, True), (tree.failed, False)):
            found = Counter(
                hashlib.sha256(path.read_bytes()).hexdigest()
                for path in folder.rglob("*")
                if path.is_file() and not path.name.endswith(".error.json")
            )
            expected = Counter(d.sha256 for d in self.dropped if d.good == good)
            if found != expected:
                names = {d.sha256: d.name for d in self.dropped}
                more = [names.get(s, s) for s in (found - expected).elements()]
                less = [names[s] for s in (expected - found).elements()]
                wrong.append(f"{folder.name}: too much {more}, lost {less}")
        return wrong

    def _wrong_journal(self, tree: Tree) -> list[str]:
        with sqlite3.connect(f"file:{tree.state}/journal.sqlite?mode=ro", uri=True) as db:
            checked = [row[0] for row in db.execute("PRAGMA integrity_check")]
            wrong = [f"journal: {found}" for found in checked if found != "ok"]
            rows = db.execute("SELECT id, state, sha256 FROM documents").fetchall()
            states = {number: state for number, state, _ in rows}
            last: dict[int, str] = {}
            moves = db.execute("SELECT document, old, new FROM moves ORDER BY rowid")
            for number, old, new in moves:
                before = State(old) if old else None
                if last.get(number) != old or State(new) not in MOVES[before]:
                    move = f"from {last.get(number)}: {old} to {new}"
                    wrong.append(f"journal: document {number} {move}")
                last[number] = new
        db.close()
        wrong += [
            f"journal: {number} is {state}, its last move says {last.get(number)}"
            for number, state in states.items()
            if last.get(number) != state
        ]
        finals = Counter(sha256 for _, state, sha256 in rows if state in FINAL)
        for dropped in self.dropped:
            if not 1 <= finals[dropped.sha256] <= 1 + (dropped.name in self.put_back):
                wrong.append(f"journal: {dropped.name} has {finals[dropped.sha256]} final states")
        return wrong


def _results(tree: Tree) -> list[tuple[str, tuple[str, list[Any]], Path]]:
    """Return the sha256 of its source, its text and lines, and the text's path for each sidecar.

    Raises ValueError for a half-written sidecar.
    """
    found = []
    for path in sorted(tree.outbox.rglob("*.json")):
        sidecar = json.loads(path.read_text("utf-8"))
        text = path.parent / sidecar["result"]["text"]
        lines = [[(line["ocr"], line["text"]) for line in p["lines"]] for p in sidecar["pages"]]
        found.append((sidecar["source"]["sha256"], (text.read_text("utf-8"), lines), text))
    return found


def _temporary(tree: Tree) -> list[str]:
    folders = (tree.outbox, tree.archive, tree.failed)
    wrong = [f"temp file: {p}" for f in folders for p in f.rglob("*") if p.name.startswith(".")]
    scratch = tree.state / "scratch"
    return wrong + [f"temp file: {p}" for p in scratch.glob("*")]


def _processes(tree: Tree) -> list[str]:
    """Describe each process of scanmend that still has this tree in its environment or command line."""
    wrong = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
            scanmend = any("scanmend" in word for word in process.cmdline())
            if scanmend and any(str(tree.state) in w or str(tree.config) in w for w in words):
                wrong.append(f"leftover process: {process.pid} {process.cmdline()}")
        except psutil.Error:
            continue
    return wrong
