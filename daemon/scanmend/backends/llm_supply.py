"""Find the model's file, or download it, or say why there is none."""

import os

from scanmend.backends.download import Download
from scanmend.backends.gguf_files import builtin, chosen
from scanmend.backends.llm_failures import ModelFailures
from scanmend.backends.llm_state import ModelState, StateMachine
from scanmend.config.settings import BUILTIN, LlmSettings
from scanmend.errors import ModelUnavailable, ScanmendError
from scanmend.workers.protocol import DownloadBegun, Downloaded, FetchRequest, Progress

MB = 1e6


class ModelSupply:
    """Where the model comes from: a server, a file, or a download. Belongs to one thread, but for the download's."""

    def __init__(
        self,
        settings: LlmSettings,
        directory: str,
        scratch: str,
        states: StateMachine,
        failures: ModelFailures,
    ) -> None:
        """Download into ``directory``, by a process whose own folder is in ``scratch``."""
        self._settings = settings
        self._directory = directory
        self._scratch = scratch
        self._states = states
        self._failures = failures
        self._download: Download | None = None
        self._download_reason = ""  # how far it is
        self._reported = ""  # why there is no file, as reported last
        self._closing = False

    def find(self) -> str:
        """Return the address of the server, or the path of the file, or "" when there is none."""
        if self._settings.backend == "openai":
            return self._settings.base_url
        return chosen(self._settings, self._directory) or ""

    def get(self) -> str:
        """Return what ``find`` returns; ModelUnavailable when there is no file, after a download was begun if allowed."""
        found = self.find()
        if not found:
            raise self._unavailable()
        return found

    def kill(self) -> None:
        """End a download at once; from any thread."""
        self._closing = True
        if self._download:
            self._download.kill()

    def close(self) -> None:
        """End a download, which continues the next time."""
        self._closing = True
        if self._download:
            self._download.close()

    def _unavailable(self) -> ModelUnavailable:
        """Return why there is no file; begin a download where it is allowed."""
        failed = self._states.state == ModelState.FAILED
        running = self._download is not None and self._download.running
        if running and not failed:
            return ModelUnavailable(self._download_reason)
        if self._settings.wanted == "auto" and self._settings.auto_download:
            if running or (failed and self._failures.backing_off):
                return ModelUnavailable(self._failures.reason)
            self._begin_download()
            return ModelUnavailable(self._download_reason)
        error = self._missing()
        self._report(str(error))
        return error

    def _missing(self) -> ModelUnavailable:
        wanted = self._settings.wanted
        if wanted == "auto":
            what = f"no .gguf file in {self._directory} and llm.auto_download is false"
            return ModelUnavailable(what, "put one there, or set it to true")
        if wanted in (BUILTIN, None):
            remedy = "install scanmend again, or set llm.model: auto"
            return ModelUnavailable(f"{builtin()} is missing", remedy)
        path = os.path.join(self._directory, wanted)
        remedy = "put it there, or set llm.model: auto"
        return ModelUnavailable(f"llm.model: {path} is not there", remedy)

    def _report(self, absence: str) -> None:
        """Report that there is no model, once for each reason."""
        if self._states.state != ModelState.ABSENT:
            self._states.move(ModelState.ABSENT, absence)
        elif absence != self._reported:
            self._states.explain(absence)
        self._reported = absence

    # a download -----------------------------------------------------------------------------------

    def _begin_download(self) -> None:
        repository, quantization = self._settings.repository, self._settings.quantization
        self._download_reason = f"{repository} ({quantization}) is being downloaded"
        self._states.move(ModelState.DOWNLOADING, self._download_reason)
        request = FetchRequest(repository, quantization, os.fsencode(self._directory))
        self._download = Download(request, self._scratch, self._on_progress, self._on_end)
        self._download.start()

    def _on_progress(self, step: Progress) -> None:
        match step:
            case DownloadBegun(licence) if self._states.state == ModelState.DOWNLOADING:
                self._states.explain(f"{self._settings.repository}, licence: {licence}")
            case Downloaded(file, done, total) if total:
                share = f"{done / MB:.0f} of {total / MB:.0f} MB ({100 * done // total} %)"
                self._download_reason = f"{file}: {share}"
                self._states.progress(self._download_reason)

    def _on_end(self, error: ScanmendError | None) -> None:
        """Take the outcome over, unless a file was put there by hand meanwhile."""
        if self._closing or self._states.state != ModelState.DOWNLOADING:
            return
        if error:
            self._states.move(ModelState.FAILED, self._failures.failed(str(error), ""))
        else:
            self._failures.forget()
            self._states.move(ModelState.READY, "downloaded and checked")
