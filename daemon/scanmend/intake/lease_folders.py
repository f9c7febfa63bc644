"""Leases as folders below the inbox's ``.scanmend``, which holds nothing but folders.

    beats/<owner>/<n>              n grows while the owner holds leases
    leases/<slot>/<owner>.<token>  the lease of a file; the slot is a hash of the file's path
    leases/<slot>.<token>/…        its successor: taken over from the dead owner of that token
    leases/…/<owner>.<token>.<sha256>   the mark of a published file that stays in the inbox (originals: keep)

A daemon makes a lease complete under another name and renames it into its slot. The rename is one request, which the
file server grants to one contender only, and there is no file content that a mount's cache could hold back. A
successor's slot contains its predecessor's token, so the folder of a late contender is never read.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass

from scanmend.errors import FolderGone, show

FOLDER = b".scanmend"  # in the inbox; the watcher ignores folders that begin with a dot
MAX_SUCCESSORS = 100
_BEING_MADE, _BEING_REMOVED = "new-", "old-"


@dataclass(frozen=True, slots=True)
class InWork:
    """A lease: ``owner`` works on the file."""

    owner: str
    token: str

    @property
    def folder(self) -> str:
        """Return the name of the lease's folder."""
        return f"{self.owner}.{self.token}"


@dataclass(frozen=True, slots=True)
class PublishedMark:
    """The mark that ``owner`` published this content, and that the file stays in the inbox."""

    owner: str
    token: str
    sha256: str

    @property
    def folder(self) -> str:
        """Return the name of the mark's folder."""
        return f"{self.owner}.{self.token}.{self.sha256}"


Holder = InWork | PublishedMark


@dataclass(frozen=True, slots=True)
class Link:
    """One link in the chain of a lease and its successors: the name of its slot, and its holder."""

    slot: str
    holder: Holder


def parse_holder(folder: bytes) -> Holder:
    """Return the holder whose folder has this name."""
    owner, token, sha256 = (*os.fsdecode(folder).split("."), "", "")[:3]
    return PublishedMark(owner, token, sha256) if sha256 else InWork(owner, token)


def slot_of(path: bytes) -> str:
    """Return the slot for a file's path in the inbox."""
    return hashlib.sha256(path).hexdigest()[:32]


class LeaseFolders:
    """The folders of all leases on one inbox, for one owner. Its methods raise the file system's OSErrors."""

    def __init__(self, inbox: str, owner: str) -> None:
        """Make nothing yet. ``owner``: the name of this daemon."""
        self.root = os.path.join(os.fsencode(inbox), FOLDER)
        self._owner = owner

    def exist(self) -> bool:
        """Return whether some daemon has made the folders."""
        return os.path.isdir(self.root)

    def make(self) -> None:
        """Make the folders that are missing."""
        for name in ("beats", "leases"):
            os.makedirs(self._at(name), exist_ok=True)

    def chain(self, slot: str) -> list[Link]:
        """Return the lease in this slot and its successors; the last link is in force.

        Raise FolderGone if there are more than ``MAX_SUCCESSORS``.
        """
        chain: list[Link] = []
        name = slot
        while len(chain) < MAX_SUCCESSORS:
            try:
                names = os.listdir(self._at("leases", name))
            except FileNotFoundError:
                return chain
            if not names:
                return chain
            # normally one name; but some file systems merge folders that are renamed to one name: take the same for all
            holder = parse_holder(min(names))
            chain.append(Link(name, holder))
            name = f"{slot}.{holder.token}"
        raise FolderGone(f"{show(self._at('leases', slot))}: taken over too often", "remove it")

    def acquire(self, slot: str) -> None:
        """Make a lease and rename it into the slot. Change nothing if the slot is taken: then the rename fails."""
        token = secrets.token_hex(8)
        new_lease = self._at("leases", f"{_BEING_MADE}{token}")
        inner = os.path.join(new_lease, os.fsencode(InWork(self._owner, token).folder))
        os.mkdir(new_lease)
        os.mkdir(inner)
        try:
            os.rename(new_lease, self._at("leases", slot))
        except OSError:
            os.rmdir(inner)
            os.rmdir(new_lease)

    def release(self, slot: str, token: str) -> None:
        """Remove the whole chain if this token is in force; the first link first, so that nobody reads the rest."""
        chain = self.chain(slot)
        if not chain or chain[-1].holder.token != token:
            return
        for link in chain:
            removed = self._at("leases", f"{_BEING_REMOVED}{token}-{link.holder.token}")
            os.rename(self._at("leases", link.slot), removed)
            if os.fsencode(link.holder.folder) not in os.listdir(removed):
                # another daemon's lease, made at this very moment: put it back
                os.rename(removed, self._at("leases", link.slot))
                return
            _remove(removed)

    def mark_published(self, slot: str, token: str, sha256: str) -> None:
        """Turn the lease into the mark of this published content, if this token is in force."""
        chain = self.chain(slot)
        if chain and chain[-1].holder.token == token:
            link = chain[-1]
            mark = PublishedMark(link.holder.owner, token, sha256)
            folder = self._at("leases", link.slot)
            old, new = os.fsencode(link.holder.folder), os.fsencode(mark.folder)
            os.rename(os.path.join(folder, old), os.path.join(folder, new))

    def remove_leftovers(self) -> None:
        """Remove the folders that this owner was making or removing when it ended."""
        folder = self._at("leases")
        prefixes = (_BEING_MADE.encode(), _BEING_REMOVED.encode())
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            path = os.path.join(folder, name)
            if name.startswith(prefixes) and any(
                parse_holder(inner).owner == self._owner for inner in os.listdir(path)
            ):
                _remove(path)

    def beat(self) -> None:
        """Show the other daemons that this owner is alive: raise the number in its folder of beats."""
        folder = self._at("beats", self._owner)
        os.makedirs(folder, exist_ok=True)
        last = max((int(name) for name in os.listdir(folder) if name.isdigit()), default=None)
        next_beat = os.path.join(folder, b"%d" % ((last or 0) + 1))
        if last is None:
            os.mkdir(next_beat)
        else:
            os.rename(os.path.join(folder, b"%d" % last), next_beat)

    def beats(self, owner: str) -> list[bytes]:
        """Return the names in an owner's folder of beats, which change while it is alive."""
        try:
            return os.listdir(self._at("beats", owner))
        except FileNotFoundError:
            return []

    def _at(self, *names: str) -> bytes:
        return os.path.join(self.root, *map(os.fsencode, names))


def _remove(folder: bytes) -> None:
    for name in os.listdir(folder):
        os.rmdir(os.path.join(folder, name))
    os.rmdir(folder)
