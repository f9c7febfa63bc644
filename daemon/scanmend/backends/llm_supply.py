"""Find the model's file, download it, or say why there is none."""

import os

from scanmend.backends.download import Download
from scanmend.backends.gguf_files import builtin, chosen
from scanmend.backends.llm_failures import ModelFailures
from scanmend.backends.llm_state import ModelState, StateMachine
from scanmend.config.settings import AUTO, BUILTIN, LlmSettings
from scanmend.errors import ModelUnavailable, ScanmendError
from scanmend.workers.protocol import DownloadBegun, Downloaded, FetchRequest, Progress

MB = 1e6


class ModelSupply:
    """The source of the model: a server, a file, or a download.

    One thread uses it; the download's thread calls back into it.
    """

    def __init__(
        self,
        settings: LlmSettings,
        directory: str,
        scratch: str,
        states: StateMachine,
        failures: ModelFailures,
    ) -> None:
        """Prepare. ``directory`` is the models' folder; the downloading process gets its own folder in ``scratch``."""
        self._settings = settings
        self._directory = directory
        self._scratch = scratch
        self._states = states
        self._failures = failures
        self._download: Download | None = None
        self._download_progress = ""  # for people
        self._reported = ""  # the last reported reason why there is no file
        self._closing = False

    def find(self) -> str:
        """Return the server's address, or the file's path; "" if there is no file."""
        if self._settings.backend == "openai":
            return self._settings.base_url
        return chosen(self._settings, self._directory) or ""

    def get(self) -> str:
        """Return the server's address or the file's path. Without a file, begin a download if that is allowed.

        Raises ModelUnavailable while there is no file.
        """
        location = self.find()
        if not location:
            raise self._unavailable()
        return location

    def kill(self) -> None:
        """End a download at once. Any thread may call this."""
        self._closing = True
        if self._download:
            self._download.kill()

    def close(self) -> None:
        """End a download, and wait for its thread; it continues the next time."""
        self._closing = True
        if self._download:
            self._download.close()

    def _unavailable(self) -> ModelUnavailable:
        """Return the error that says why there is no file; begin a download if that is allowed."""
        failed = self._states.state == ModelState.FAILED
        running = self._download is not None and self._download.running
        if running and not failed:
            return ModelUnavailable(self._download_progress)
        if self._settings.effective_model == AUTO and self._settings.auto_download:
            if running or (failed and self._failures.backing_off):
                return ModelUnavailable(self._failures.reason)
            self._begin_download()
            return ModelUnavailable(self._download_progress)
        error = self._missing()
        self._report(str(error))
        return error

    def _missing(self) -> ModelUnavailable:
        """Return the error for a file that is missing and not to be downloaded."""
        wanted = self._settings.effective_model
        if wanted == AUTO:
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
        self._download_progress = f"{repository} ({quantization}) is being downloaded"
        self._states.move(ModelState.DOWNLOADING, self._download_progress)
        request = FetchRequest(repository, quantization, os.fsencode(self._directory))
        self._download = Download(request, self._scratch, self._on_progress, self._on_end)
        self._download.start()

    def _on_progress(self, progress: Progress) -> None:
        match progress:
            case DownloadBegun(licence) if self._states.state == ModelState.DOWNLOADING:
                self._states.explain(f"{self._settings.repository}, licence: {licence}")
            case Downloaded(file, done, total) if total:
                share = f"{done / MB:.0f} of {total / MB:.0f} MB ({100 * done // total} %)"
                self._download_progress = f"{file}: {share}"
                self._states.progress(self._download_progress)

    def _on_end(self, error: ScanmendError | None) -> None:
        """Move on with the download's outcome, unless a person has put a file there meanwhile."""
        if self._closing or self._states.state != ModelState.DOWNLOADING:
            return
        if error:
            self._states.move(ModelState.FAILED, self._failures.failed(str(error), ""))
        else:
            self._failures.forget()
            self._states.move(ModelState.READY, "downloaded and checked")
