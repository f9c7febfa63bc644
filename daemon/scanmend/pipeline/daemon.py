"""The daemon: put together, start, wait, stop in reverse. It imports no engine and parses no user's file."""

import contextlib
import functools
import os
import queue
import shutil
import signal
import threading
import time
from types import FrameType

from scanmend import __version__
from scanmend.backends.ocr_engines import choose
from scanmend.config.checks import check_links, unreloadable
from scanmend.config.loading import load_settings
from scanmend.config.profiles import load_profiles
from scanmend.config.settings import Settings
from scanmend.correction.lexicon import shipped
from scanmend.document import State
from scanmend.errors import ConfigError, MachineError, ScanmendError
from scanmend.intake.lease import Leases
from scanmend.intake.watcher import Watcher
from scanmend.pipeline.pipeline import Pipeline, workers
from scanmend.service import sd_notify
from scanmend.service.hooks import Hooks
from scanmend.service.http import MonitoringServer
from scanmend.service.status import summary
from scanmend.store import atomic
from scanmend.store.facts import Memory
from scanmend.store.journal import Journal
from scanmend.store.lock import lock
from scanmend.store.mounts import Root, choose_method, mount_of
from scanmend.telemetry import log
from scanmend.workers.sandbox import gaps

LOOK_ROUND = 5.0  # seconds between two looks at the threads
PRUNED = 1_000  # documents that the journal forgets at one look round; 20 ms
FORGET_EVERY = 86400.0
FIRST_LOOK = 30.0  # seconds that a start waits for the first look at the inbox; a share may hang
NICENESS = 5  # as in the unit: whoever asks for the status, or works on this machine, comes first
FORCED = 128  # + the signal: the exit code of a second signal


class Daemon:
    """One daemon on one configuration; ``run`` returns the exit code."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._line: Pipeline | None = None
        self._stopping = False
        self._said = ""
        self._forget_at = 0.0  # monotonic
        self._log = log.get("daemon")

    def run(self) -> int:
        """Start, work until a signal, stop. Raises ConfigError, AlreadyRunning or MachineError at the start."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        if not os.getpriority(os.PRIO_PROCESS, 0):  # any other was somebody's choice
            os.nice(NICENESS)
        settings = self._settings
        with contextlib.ExitStack() as stack:
            check_links(settings)
            shipped()  # without it no page could be published as it should
            make_folders(settings)
            held = lock(settings.folders.state)
            stack.callback(os.close, held)
            journal = Journal.open(settings.folders.state)
            stack.callback(journal.close)
            stack.callback(clear_scratch, settings)
            code = self._work(journal, stack)
        self._log.info("stopped")
        return code

    def _work(self, journal: Journal, stack: contextlib.ExitStack) -> int:
        settings = self._settings
        profiles = load_profiles(settings)
        engine = choose(settings)
        self._log.info(
            "starting", version=__version__, process=os.getpid(), config=settings.file or "defaults"
        )
        self._log.info("engine", engine=engine.engine, reason=engine.why)
        for gap in gaps():
            self._log.warning("not confined", reason=str(gap))
        forget_facts(journal)
        roots = remembered_roots(settings, journal)
        clear_scratch(settings)
        watch: Watcher

        def look_again(path: bytes) -> None:
            watch.hint(path)

        leases = Leases(roots["inbox"], journal, settings.watch)
        line = Pipeline(settings, profiles, journal, engine.engine, roots, look_again, leases)
        self._line = line
        method = choose_method(settings.folders.inbox, settings.watch.method)
        self._log.info(
            "watching", inbox=settings.folders.inbox, method=method.name, reason=method.why
        )
        watch = Watcher(roots["inbox"], method, settings.watch, settings.settle, line.claim)
        line.claim.unsettled, line.claim.claimed = watch.unsettled, watch.claimed
        stop_watching = threading.Event()
        stack.callback(lambda: line.close(settings.grace))
        line.start(workers(settings))
        thread = threading.Thread(
            target=watch.run, args=(stop_watching,), name="watch", daemon=True
        )

        def close_watch() -> None:
            stop_watching.set()
            watch.close()
            thread.join(2.0)

        stack.callback(close_watch)
        thread.start()
        self._start_hooks(journal, stack)
        if settings.web.listen:
            stack.callback(MonitoringServer(settings, settings.web.listen).close)
        forget_vanished(journal, roots["inbox"], line)
        watch.begun.wait(FIRST_LOOK)
        self._log.info("ready", inbox=settings.folders.inbox, outbox=settings.folders.outbox)
        sd_notify.ready(summary(journal))
        self._start_sweep(roots, stack)
        return self._wait(line, watch, thread, journal, roots)

    def _wait(
        self,
        line: Pipeline,
        watch: Watcher,
        watcher: threading.Thread,
        journal: Journal,
        roots: dict[str, Root],
    ) -> int:
        """Work on nothing itself: signals, and whether everyone is alive."""
        watched = sd_notify.watchdog_seconds()
        look_round = min(LOOK_ROUND, watched / 3) if watched else LOOK_ROUND
        while True:
            try:
                number = self._signals.get(timeout=look_round)
            except queue.Empty:
                dead = line.dead() + ([] if watcher.is_alive() else ["watch"])
                if dead:
                    self._log.critical(
                        "a thread ended by itself; stopping, to be started anew", threads=dead
                    )
                    return 1
                self._say_alive(line, journal)
                remember_roots(journal, roots)
                self._forget_old(journal)
                continue
            if number == signal.SIGHUP:
                sd_notify.reloading()
                self._reload(line, watch)
                sd_notify.ready(summary(journal))
                continue
            self._log.info(
                "stopping", signal=signal.Signals(number).name, grace=self._settings.grace
            )
            self._stopping = True
            sd_notify.stopping()
            return 0

    def _start_hooks(self, journal: Journal, stack: contextlib.ExitStack) -> None:
        """Tell others, in a thread that nobody waits for."""
        hooks = Hooks(journal, self._settings)
        if not hooks.configured:
            return
        stop = threading.Event()
        thread = threading.Thread(target=hooks.run, args=(stop,), name="hooks", daemon=True)

        def close() -> None:
            stop.set()
            thread.join(2.0)

        stack.callback(close)
        thread.start()

    def _start_sweep(self, roots: dict[str, Root], stack: contextlib.ExitStack) -> None:
        """Temp files of a run that was killed: an archive of years takes minutes to walk, nobody waits for it."""
        stop = threading.Event()
        stack.callback(stop.set)
        sweep = functools.partial(clear_temp, self._settings, roots, stop)
        threading.Thread(target=sweep, name="sweep", daemon=True).start()

    def _say_alive(self, line: Pipeline, journal: Journal) -> None:
        """The watchdog is fed only while every thread keeps its limits: one that hangs is worth a restart."""
        overdue = line.liveness.overdue()
        if overdue:
            self._log.critical("hangs; left to the watchdog", threads=overdue)
            sd_notify.status(f"hangs: {'; '.join(overdue)}")
            return
        sd_notify.alive()
        if not sd_notify.is_supervised():
            return
        said = summary(journal)
        if said != self._said:
            sd_notify.status(said)
            self._said = said

    def _forget_old(self, journal: Journal) -> None:
        """Once a day, a few at a time: nobody waits for the journal, and `status` sees in it whether work goes on."""
        if time.monotonic() < self._forget_at:
            return
        with contextlib.suppress(MachineError):
            if not journal.prune(time.time() - self._settings.journal.keep, PRUNED):
                self._forget_at = time.monotonic() + FORGET_EVERY

    def _reload(self, line: Pipeline, watch: Watcher) -> None:
        """All of the new configuration, or nothing of it."""
        old = self._settings
        try:
            new = load_settings(old.file) if old.file else old
            fixed = unreloadable(old, new)
            profiles = load_profiles(new)
            engine = choose(new)
        except ScanmendError as error:
            self._log.error("the configuration stays as it was", reason=str(error))
            return
        log.set_up(new.log)
        line.reload(new, profiles, engine.engine)
        watch.reload(new.watch, new.settle)
        self._settings = new
        self._forget_at = 0.0
        self._log.info("configuration read again", config=new.file, engine=engine.engine)
        if fixed:
            self._log.warning("needs a restart to take effect", keys=", ".join(fixed))

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """No logging here; the second signal to stop is obeyed at once."""
        if self._stopping and number != signal.SIGHUP:
            if self._line:
                self._line.kill()
            os._exit(FORCED + number)
        self._signals.put(number)


def make_folders(settings: Settings) -> None:
    """Make the folders that are missing; ConfigError names the one that can't be used."""
    for name in ("state", "inbox", "outbox", "archive", "failed"):
        path = getattr(settings.folders, name)
        try:
            atomic.make_folder(os.fsencode(path))
        except OSError as error:
            raise ConfigError(
                f"{settings.file}: folders.{name}: {path} can't be made: {error.strerror}"
            ) from None
        if not os.path.isdir(path):
            raise ConfigError(f"{settings.file}: folders.{name}: {path} is not a folder")
        if name != "inbox" and not os.access(path, os.W_OK | os.X_OK):
            raise ConfigError(
                f"{settings.file}: folders.{name}: {path} can't be written by this user"
            )
    mount = mount_of(settings.folders.state)
    if mount.network:
        raise ConfigError(
            f"{settings.file}: folders.state: {settings.folders.state} is on a share ({mount.fstype}); the"
            " journal needs a local disk: choose another folder"
        )


def remembered_roots(settings: Settings, journal: Journal) -> dict[str, Root]:
    """The folders that documents come from and go to, as they were when this daemon ran last."""
    roots = {}
    for name in ("inbox", "outbox", "archive", "failed"):
        path = getattr(settings.folders, name)
        known = journal.facts.recall(Memory.ROOT, path)
        roots[name] = Root(path, known.value if known else None)
    return roots


def remember_roots(journal: Journal, roots: dict[str, Root]) -> None:
    """Note what each folder is on, so that the next start knows a share that is away from an empty folder."""
    for root in roots.values():
        known, identity = journal.facts.recall(Memory.ROOT, root.path), root.export()
        if identity and (known is None or known.value != identity):
            with contextlib.suppress(MachineError):
                journal.facts.remember(Memory.ROOT, root.path, identity)


def forget_facts(journal: Journal) -> None:
    """What held when the last run ended need not hold now."""
    journal.facts.clear(*journal.facts.all())


def forget_vanished(journal: Journal, inbox: Root, line: Pipeline) -> None:
    """Files that were waited for and were taken away while no daemon ran."""
    if inbox.check() is None:
        for document in journal.in_state(State.SETTLING):
            if not os.path.lexists(os.path.join(os.fsencode(inbox.path), document.path)):
                line.claim.gone(document.path)


def clear_scratch(settings: Settings) -> None:
    """The children's folders: each goes with its process, but when the machine could not even do that."""
    shutil.rmtree(os.path.join(settings.folders.state, "scratch"), ignore_errors=True)


def clear_temp(settings: Settings, roots: dict[str, Root], stop: threading.Event) -> None:
    """Half-written files of a run that was killed."""
    for name in ("outbox", "archive", "failed"):
        if roots[name].check() is None:
            for path in atomic.clear_temp(
                os.fsencode(getattr(settings.folders, name)), stop.is_set
            ):
                log.get("daemon").info("removed a half-written file", path=path)
