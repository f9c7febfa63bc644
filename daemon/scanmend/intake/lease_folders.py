"""Leases as folders below the inbox's ``.scanmend``, which holds nothing but folders.

    beats/<owner>/<n>              n grows while the owner holds leases
    leases/<slot>/<owner>.<token>  the lease of a file; the slot is a hash of the file's path
    leases/<slot>.<token>/…        its successor: taken over from the dead owner of that token
    leases/…/<owner>.<token>.<sha256>   the file is published and stays in the inbox (originals: keep)

A lease is made complete under another name and renamed into its slot: one request, which the file server grants to
one of two contenders, and no file content that a mount's cache could hold back. A successor's slot is bound to its
predecessor's token, so a late contender's folder is never read.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass

from scanmend.errors import FolderGone, show

FOLDER = b".scanmend"  # in the inbox; the watcher ignores dot folders
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
    """The mark that ``owner`` published the file of this content, which stays in the inbox."""

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
    """One link of a lease's chain of successors: the name of its slot, and its holder."""

    slot: str
    holder: Holder


def parse_holder(folder: bytes) -> Holder:
    """Return the holder that the name of a folder tells."""
    owner, token, sha256 = (*os.fsdecode(folder).split("."), "", "")[:3]
    return PublishedMark(owner, token, sha256) if sha256 else InWork(owner, token)


def slot_of(path: bytes) -> str:
    """Return the slot of a file by its path in the inbox."""
    return hashlib.sha256(path).hexdigest()[:32]


class LeaseFolders:
    """The folders of all leases on one inbox, for one owner. Raises OSError as the file system does."""

    def __init__(self, inbox: str, owner: str) -> None:
        """Nothing is made yet."""
        self.root = os.path.join(os.fsencode(inbox), FOLDER)
        self._owner = owner

    def exist(self) -> bool:
        """Return whether a daemon made the folders before."""
        return os.path.isdir(self.root)

    def make(self) -> None:
        """Make the folders; those that exist are fine."""
        for name in ("beats", "leases"):
            os.makedirs(self._at(name), exist_ok=True)

    def chain(self, slot: str) -> list[Link]:
        """Return the lease in this slot and its successors. The last link is the one that holds."""
        chain: list[Link] = []
        at = slot
        while len(chain) < MAX_SUCCESSORS:
            try:
                names = os.listdir(self._at("leases", at))
            except FileNotFoundError:
                return chain
            if not names:
                return chain
            # one name, except where a file system merges folders that are renamed to the same name: all see the first
            holder = parse_holder(min(names))
            chain.append(Link(at, holder))
            at = f"{slot}.{holder.token}"
        raise FolderGone(f"{show(self._at('leases', slot))}: taken over too often", "remove it")

    def acquire(self, slot: str) -> None:
        """Make a lease and rename it into the slot. Where another's is there, the rename fails and nothing changes."""
        token = secrets.token_hex(8)
        made = self._at("leases", f"{_BEING_MADE}{token}")
        inner = os.path.join(made, os.fsencode(InWork(self._owner, token).folder))
        os.mkdir(made)
        os.mkdir(inner)
        try:
            os.rename(made, self._at("leases", slot))
        except OSError:
            os.rmdir(inner)
            os.rmdir(made)

    def release(self, slot: str, token: str) -> None:
        """Remove the whole chain, if this token still holds it. The first link goes first: nobody follows the rest."""
        chain = self.chain(slot)
        if not chain or chain[-1].holder.token != token:
            return
        for link in chain:
            removed = self._at("leases", f"{_BEING_REMOVED}{token}-{link.holder.token}")
            os.rename(self._at("leases", link.slot), removed)
            if os.fsencode(link.holder.folder) not in os.listdir(removed):
                os.rename(
                    removed, self._at("leases", link.slot)
                )  # another's, made this very moment
                return
            _remove(removed)

    def mark_published(self, slot: str, token: str, sha256: str) -> None:
        """Turn the lease into the mark that this content is published, if this token still holds it."""
        chain = self.chain(slot)
        if chain and chain[-1].holder.token == token:
            link = chain[-1]
            mark = PublishedMark(link.holder.owner, token, sha256)
            at = self._at("leases", link.slot)
            old, new = os.fsencode(link.holder.folder), os.fsencode(mark.folder)
            os.rename(os.path.join(at, old), os.path.join(at, new))

    def remove_leftovers(self) -> None:
        """Remove what this owner was making or removing when it ended."""
        folder = self._at("leases")
        prefixes = (_BEING_MADE.encode(), _BEING_REMOVED.encode())
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            path = os.path.join(folder, name)
            if name.startswith(prefixes) and any(
                parse_holder(inner).owner == self._owner for inner in os.listdir(path)
            ):
                _remove(path)

    def beat(self) -> None:
        """Show the other daemons that this owner is alive."""
        folder = self._at("beats", self._owner)
        os.makedirs(folder, exist_ok=True)
        last = max((int(name) for name in os.listdir(folder) if name.isdigit()), default=None)
        following = os.path.join(folder, b"%d" % ((last or 0) + 1))
        if last is None:
            os.mkdir(following)
        else:
            os.rename(os.path.join(folder, b"%d" % last), following)

    def beats(self, owner: str) -> list[bytes]:
        """Return the names in an owner's folder of beats; they change while it is alive."""
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
