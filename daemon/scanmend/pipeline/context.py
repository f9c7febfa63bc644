"""The configuration that the steps work with, and what all of them use."""

from collections.abc import Mapping
from dataclasses import dataclass

from scanmend.config.profiles import Profile
from scanmend.config.settings import Settings
from scanmend.intake.inbox import Inbox
from scanmend.intake.lease import Leases
from scanmend.pipeline.folders import Roots
from scanmend.store.journal import Journal
from scanmend.telemetry.liveness import Pulse

# seconds that a page may take beyond its own limits, in the journal and at the end of a child
PAGE_OVERHEAD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Context:
    """One configuration: settings, the profiles that they name, and the engine that they lead to.

    It never changes; a reload makes another. ``one_shot``: for `scanmend process`. A failed original stays where it
    is, and a file that may be unfinished is not waited for.
    """

    settings: Settings
    profiles: Mapping[str, Profile]
    engine: str
    one_shot: bool = False


class CurrentContext:
    """Holds the context that is in force. The main thread replaces it whole; any thread reads it.

    A step reads it once for each piece of work, so that it never sees new settings with old profiles.
    """

    def __init__(self, context: Context) -> None:
        """Begin with this context."""
        self._context = context

    def get(self) -> Context:
        """Return the context in force."""
        return self._context

    def replace(self, context: Context) -> None:
        """Put another context in force."""
        self._context = context


@dataclass(frozen=True, slots=True)
class Stores:
    """The journal, the folders and their leases, and the signs of life of the threads: all steps share them."""

    journal: Journal
    inbox: Inbox
    roots: Roots
    leases: Leases
    liveness: Pulse

    def name_of(self, document: int) -> str:
        """Return a document's name for people."""
        return self.journal.document(document).name
