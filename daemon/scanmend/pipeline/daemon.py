"""The daemon: start the threads, wait, stop them in reverse. It imports no engine and parses no user's file."""

import contextlib
import functools
import os
import queue
import signal
import threading
import time
from types import FrameType

from scanmend import __version__
from scanmend.backends.ocr_engines import Chosen, choose
from scanmend.config.checks import check_links, unreloadable
from scanmend.config.loading import load_settings
from scanmend.config.profiles import load_profiles
from scanmend.config.settings import Settings
from scanmend.correction.lexicon import shipped
from scanmend.document import FactKey, State
from scanmend.errors import MachineError, ScanmendError
from scanmend.intake.events import Events
from scanmend.intake.intake_log import IntakeLog
from scanmend.intake.watcher import Watcher
from scanmend.pipeline import folders
from scanmend.pipeline.context import Context
from scanmend.pipeline.pipeline import Pipeline, count_workers
from scanmend.pipeline.threads import StoppableThread
from scanmend.service import capabilities, sd_notify
from scanmend.service.hooks import Hooks
from scanmend.service.http import MonitoringServer
from scanmend.service.status import summary
from scanmend.store.journal import Journal
from scanmend.store.lock import lock
from scanmend.store.mounts import Root, choose_method
from scanmend.telemetry import log
from scanmend.workers.sandbox import find_gaps

HEALTH_CHECK_SECONDS = 5.0  # between two checks of the threads
PRUNED_PER_CHECK = 1_000  # documents that the journal forgets at one health check; takes 20 ms
PRUNE_INTERVAL = 86400.0  # seconds
MAX_FIRST_SCAN_SECONDS = 30.0  # that the start waits until the first scan begins: a share may hang
NICENESS = 5  # as in the systemd unit: status requests and other work on this machine come first
FORCED_EXIT = 128  # plus the signal's number: the exit code after a second signal, as in a shell


class Daemon:
    """One daemon on one configuration. ``run`` returns its exit code."""

    def __init__(self, settings: Settings) -> None:
        """Open nothing yet."""
        self._settings = settings
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._pipeline: Pipeline | None = None  # for the signal handler
        self._stopping = False
        self._last_status = ""  # the last one sent to systemd
        self._prune_at = 0.0  # monotonic
        self._log = log.get("daemon")

    def run(self) -> int:
        """Start, work until a signal, stop; return the exit code.

        Raise ConfigError, AlreadyRunning or MachineError at the start.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        if not os.getpriority(os.PRIO_PROCESS, 0):  # another niceness is somebody's choice
            os.nice(NICENESS)
        capabilities.keep_from_children()
        settings = self._settings
        with contextlib.ExitStack() as stack:
            check_links(settings)
            shipped()  # raises if the word list is missing, without which no page can be corrected
            folders.make_folders(settings)
            lock_fd = lock(settings.folders.state)
            stack.callback(os.close, lock_fd)
            journal = Journal.open(settings.folders.state)
            stack.callback(journal.close)
            stack.callback(folders.clear_scratch, settings)
            code = self._work(journal, stack)
        self._log.info("stopped")
        return code

    # start ----------------------------------------------------------------------------------------

    def _work(self, journal: Journal, stack: contextlib.ExitStack) -> int:
        """Start everything, push the end of each part onto the stack, and wait. Return the exit code."""
        settings = self._settings
        context, engine = self._load_context()
        journal.facts.clear(*journal.facts.all())  # they held in the last run
        journal.facts.set(FactKey.ENGINE, engine.engine, engine.reason)
        roots = folders.remembered_roots(settings, journal)
        folders.clear_scratch(settings)
        events: Events = queue.SimpleQueue()
        self._pipeline = pipeline = Pipeline(context, journal, roots, events)
        method = choose_method(settings.folders.inbox, settings.watch.method)
        self._log.info(
            "watching", inbox=settings.folders.inbox, method=method.name, reason=method.why
        )
        intake = pipeline.intake
        watcher = Watcher(roots.inbox, method, intake, settings.watch, settings.settle)
        stack.callback(lambda: pipeline.close(self._settings.grace))
        pipeline.start(count_workers(settings))
        watching = StoppableThread("watch", watcher.run, watcher.wake)
        stack.callback(watching.close)
        hooks = Hooks(journal, settings)
        if hooks.configured:
            stack.callback(StoppableThread("hooks", hooks.run).close)
        if settings.web.listen:
            stack.callback(MonitoringServer(settings, settings.web.listen).close)
        record_vanished(journal, roots.inbox, intake.log)
        watcher.begun.wait(MAX_FIRST_SCAN_SECONDS)
        self._log.info("ready", inbox=settings.folders.inbox, outbox=settings.folders.outbox)
        sd_notify.ready(summary(journal))
        self._start_clearing(roots, stack)
        return self._wait(pipeline, watcher, watching, journal, roots)

    def _load_context(self) -> tuple[Context, Chosen]:
        settings = self._settings
        profiles = load_profiles(settings)
        engine = choose(settings)
        self._log.info(
            "starting", version=__version__, process=os.getpid(), config=settings.file or "defaults"
        )
        self._log.info("engine", engine=engine.engine, reason=engine.reason)
        for gap in find_gaps():
            self._log.warning("not confined", reason=str(gap))
        return Context(settings, profiles, engine.engine), engine

    def _start_clearing(self, roots: folders.Roots, stack: contextlib.ExitStack) -> None:
        """Clear temporary files in a thread of its own: to walk an archive of many years takes minutes."""
        stop = threading.Event()
        stack.callback(stop.set)
        clear = functools.partial(folders.clear_temp_files, roots, stop.is_set)
        threading.Thread(target=clear, name="clear", daemon=True).start()

    # meanwhile ------------------------------------------------------------------------------------

    def _wait(
        self,
        pipeline: Pipeline,
        watcher: Watcher,
        watching: StoppableThread,
        journal: Journal,
        roots: folders.Roots,
    ) -> int:
        """Wait for a signal to stop, and check the threads every few seconds. Return the exit code."""
        watchdog = sd_notify.watchdog_seconds()
        interval = min(HEALTH_CHECK_SECONDS, watchdog / 3) if watchdog else HEALTH_CHECK_SECONDS
        while True:
            try:
                number = self._signals.get(timeout=interval)
            except queue.Empty:
                dead = pipeline.dead_threads() + ([] if watching.alive else ["watch"])
                if dead:
                    message = "a thread ended by itself; stopping, to be started anew"
                    self._log.critical(message, threads=dead)
                    return 1
                self._report_alive(pipeline, journal)
                folders.remember_roots(journal, roots)
                self.prune(journal)
                continue
            if number == signal.SIGHUP:
                sd_notify.reloading()
                self._reload(pipeline, watcher, journal)
                sd_notify.ready(summary(journal))
                continue
            name = signal.Signals(number).name
            self._log.info("stopping", signal=name, grace=self._settings.grace)
            self._stopping = True
            sd_notify.stopping()
            return 0

    def _report_alive(self, pipeline: Pipeline, journal: Journal) -> None:
        """Feed systemd's watchdog unless a thread is beyond its limit: then let systemd restart the daemon."""
        overdue = pipeline.liveness.overdue()
        if overdue:
            self._log.critical("hangs; left to the watchdog", threads=overdue)
            sd_notify.status(f"hangs: {'; '.join(overdue)}")
            return
        sd_notify.alive()
        if not sd_notify.is_supervised():
            return
        status = summary(journal)
        if status != self._last_status:
            sd_notify.status(status)
            self._last_status = status

    def prune(self, journal: Journal) -> None:
        """Delete old documents from the journal: once a day, a few at a time, so that no other work waits for it.

        Write nothing in between, since `scanmend status` takes each write as progress.
        """
        if time.monotonic() < self._prune_at:
            return
        with contextlib.suppress(MachineError):
            if not journal.prune(time.time() - self._settings.journal.keep, PRUNED_PER_CHECK):
                self._prune_at = time.monotonic() + PRUNE_INTERVAL

    def _reload(self, pipeline: Pipeline, watcher: Watcher, journal: Journal) -> None:
        """Read the configuration again, and put all of it in force, or nothing if it has a mistake."""
        old = self._settings
        try:
            new = load_settings(old.file) if old.file else old
            unchangeable = unreloadable(old, new)
            engine = choose(new)
            context = Context(new, load_profiles(new), engine.engine)
            journal.facts.set(FactKey.ENGINE, engine.engine, engine.reason)
        except ScanmendError as error:
            self._log.error("the configuration stays as it was", reason=str(error))
            return
        log.set_up(new.log)
        pipeline.reload(context)
        watcher.reload(new.watch, new.settle)
        self._settings = new
        self._prune_at = 0.0
        self._log.info("configuration read again", config=new.file, engine=engine.engine)
        if unchangeable:
            self._log.warning("needs a restart to take effect", keys=", ".join(unchangeable))

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Queue the signal, without logging. End the process at once at a second signal to stop."""
        if self._pipeline and self._stopping and number != signal.SIGHUP:
            self._pipeline.kill()
            os._exit(FORCED_EXIT + number)
        self._signals.put(number)


def record_vanished(journal: Journal, inbox: Root, intake_log: IntakeLog) -> None:
    """Record as gone each waiting file that was taken away while no daemon ran."""
    if inbox.check() is None:
        for document in journal.in_state(State.SETTLING):
            if not os.path.lexists(os.path.join(os.fsencode(inbox.path), document.path)):
                intake_log.record_gone(document.path)
