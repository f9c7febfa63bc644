"""The configuration of the steps, and the stores that they share."""

from collections.abc import Mapping
from dataclasses import dataclass

from scanmend.config.profiles import Profile
from scanmend.config.settings import PUBLISH, Settings
from scanmend.intake.inbox import Inbox
from scanmend.intake.lease import Leases
from scanmend.pipeline.folders import Roots
from scanmend.store.journal import Journal
from scanmend.telemetry.liveness import Liveness

# that a page may take beyond its own limits: for the journal, and for ending a child that hangs
PAGE_OVERHEAD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Context:
    """One configuration: settings, the profiles that they name, and the OCR engine chosen by them.

    It never changes; a reload makes another one. ``one_shot``: set by `scanmend process`, which leaves a failed
    original where it is, and does not wait for the rest of a file that may be unfinished.
    """

    settings: Settings
    profiles: Mapping[str, Profile]
    engine: str
    one_shot: bool = False

    def profile(self, name: str) -> Profile:
        """Return the profile of this name; the default one if it is gone since its document was claimed."""
        return self.profiles.get(name) or self.profiles[self.settings.profiles.default]

    def publishes_without_bad_pages(self, profile: str) -> bool:
        """Return whether a document with this profile is published though a page of it could not be read."""
        policy = self.profile(profile).on_bad_page or self.settings.on_bad_page
        return policy == PUBLISH


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
    """The journal, the folders, the leases and the threads' liveness, which all steps share."""

    journal: Journal
    inbox: Inbox
    roots: Roots
    leases: Leases
    liveness: Liveness

    def name_of(self, document: int) -> str:
        """Return a document's name for people."""
        return self.journal.document(document).name
