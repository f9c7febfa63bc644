"""Run the real daemon under faults, and check the ledger at the end.

make faults ARGS="[--seed N] [--documents 100] [--kills 300] [--cuts 20] [fault …]"
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faults import faults
from faults.faults import SETTINGS, Run
from faults.ledger import Ledger, documents
from model_server import ECHO, model_server
from running import Tree, eventually, new_tree


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan for one fault: its folder, its files, the number of kills and power cuts, and whether to be brisk."""

    home: Path
    ledger: Ledger
    seed: int
    kills: int
    cuts: int
    brisk: bool

    def run(self, tree: Tree) -> Run:
        return Run(tree, self.ledger, self.seed, brisk=self.brisk)


Fault = Callable[[Plan, Tree], tuple[list[str], str]]


def kill(plan: Plan, tree: Tree) -> tuple[list[str], str]:
    """Kill the daemon, a child or all of them, while files keep coming."""
    run = plan.run(tree)
    half = len(plan.ledger.dropped) // 2
    run.drop(plan.ledger.dropped[:half])
    first = faults.kill(run, plan.kills // 2)
    run.drop(plan.ledger.dropped[half:])
    second = faults.kill(run, plan.kills - plan.kills // 2)
    wrong = run.finish()
    killed = ", ".join(f"{whom} {first[whom] + second[whom]}" for whom in first)
    return wrong, f"killed: {killed}; {run.starts} starts"


def full(folder: str, size: str) -> Fault:
    """Return the fault that a folder's disk is full, and later empty again."""

    def fault(plan: Plan, tree: Tree) -> tuple[list[str], str]:
        with faults.small_disk(getattr(tree, folder), size) as disk:
            run = plan.run(tree)
            run.ready()
            run.drop(plan.ledger.dropped)
            faults.full_and_empty(run, disk)
            return run.finish(), f"{run.starts} starts"

    return fault


def errors(folder: str, *kinds: str) -> Fault:
    """Return the fault that a folder's file system fails with these errors for a while."""

    def fault(plan: Plan, tree: Tree) -> tuple[list[str], str]:
        with faults.unreliable(getattr(tree, folder)) as control:
            run = plan.run(tree)
            run.ready()
            run.drop(plan.ledger.dropped)
            faults.errors(run, control, kinds)
            return run.finish(), f"{', '.join(kinds)}; {run.starts} starts"

    return fault


def held_open(plan: Plan, tree: Tree) -> tuple[list[str], str]:
    """Let a program write the files piece by piece, hold each open for a while, and kill the daemon meanwhile."""
    run = plan.run(tree)
    run.ready()
    kills = faults.hold_open(run)
    return run.finish(), f"{kills} kills; {run.starts} starts"


def reopened(plan: Plan, tree: Tree) -> tuple[list[str], str]:
    """Let a program close books after their first page and open them again, and kill the daemon meanwhile."""
    config = tree.config.read_text()
    tree.config.write_text(config.replace("quiet: 300ms", f"quiet: 300ms, reopen: {faults.HOLD}"))
    run = plan.run(tree)
    run.ready()
    kills = faults.open_again(run)
    return run.finish(), f"{kills} kills; {run.starts} starts"


def permissions(plan: Plan, tree: Tree) -> tuple[list[str], str]:
    """Take away the permissions of folders for a while."""
    run = plan.run(tree)
    run.before = faults.WITHOUT_OVERRIDE
    run.ready()
    run.drop(plan.ledger.dropped)
    for folder in (tree.inbox, tree.outbox, tree.archive, tree.state):
        faults.take_permission(run, folder)
    return run.finish(), f"{run.starts} starts"


def another_user(plan: Plan, tree: Tree) -> tuple[list[str], str]:
    """Close files and sub-folders to the daemon for a while, as another user's are, and kill it meanwhile."""
    run = plan.run(tree)
    run.before = faults.POWERLESS
    run.ready()
    kills = faults.give_to_another_user(run)
    return run.finish(), f"{kills} kills; {run.starts} starts"


def full_subfolder(plan: Plan, tree: Tree) -> tuple[list[str], str]:
    """Let one sub-folder of the outbox be a full disk of its own for a while; all other results must come out."""
    with faults.small_disk(tree.outbox / "letters", "1m") as disk:
        run = plan.run(tree)
        run.ready()
        ballast = faults.fill(disk)
        run.drop(plan.ledger.dropped)
        inside = sum(d.name.startswith("letters/") and d.good for d in plan.ledger.dropped)
        run.wait_for_progress(len(plan.ledger.dropped) - inside)
        ballast.unlink()
        return run.finish(), f"{inside} results on the full disk; {run.starts} starts"


def odd_server(plan: Plan, tree: Tree) -> tuple[list[str], str]:
    """Correct by a server that refuses, loads, lists no model, answers nothing or breaks off."""
    with model_server(ECHO) as server:
        llm = (
            f"llm: {{backend: openai, base_url: '{server.address}/v1', on_unavailable: publish}}\n"
        )
        lines = tree.config.read_text().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("llm:")]
        tree.config.write_text("".join([*kept, llm]))
        run = plan.run(tree)
        run.ready()
        faults.odd_server(run, server)
        return run.finish(), f"{len(server.paths)} requests; {run.starts} starts"


def inbox_replaced(plan: Plan, tree: Tree) -> tuple[list[str], str]:
    """Replace the inbox by another folder, and bring the files back one by one."""
    run = plan.run(tree)
    run.ready()
    run.drop(plan.ledger.dropped)
    run.wait_for_progress(2)
    faults.replace_inbox(run)
    return run.finish(), f"{run.starts} starts"


def clock(plan: Plan, tree: Tree) -> tuple[list[str], str]:
    """Let the wall clock jump back and forth by days."""
    run = plan.run(tree)
    run.environment = faults.clock(plan.home / "clock")
    run.ready()
    run.drop(plan.ledger.dropped)
    faults.set_clock(run, plan.home / "clock")
    return run.finish(), f"{run.starts} starts"


def events_lost(plan: Plan, tree: Tree) -> tuple[list[str], str]:
    """Let the kernel's event queue overflow."""
    run = plan.run(tree)
    run.ready()
    faults.overflow_events(run)
    return run.finish(), f"{2 * faults.FLOOD_FILES:,} events while it was stopped"


def few_watches(plan: Plan, tree: Tree) -> tuple[list[str], str]:
    """Allow fewer inotify watches than there are folders."""
    tree.config.write_text(
        tree.config.read_text().replace("reconcile_interval: 2s", "reconcile_interval: 1h")
    )
    run = plan.run(tree)
    run.before = faults.few_watches(3)
    run.ready()
    run.drop(plan.ledger.dropped)
    warning = "no events from the kernel for some folders, polling"
    eventually(lambda: warning in tree.log_text(), 60, "warning")
    return run.finish(), "3 watches"


def few_descriptors(plan: Plan, tree: Tree) -> tuple[list[str], str]:
    """Leave no free file descriptor for a while."""
    run = plan.run(tree)
    run.ready()
    run.drop(plan.ledger.dropped)
    faults.few_descriptors(run)
    return run.finish(), f"{run.starts} starts"


def power_cut(plan: Plan, tree: Tree) -> tuple[list[str], str]:
    """Copy the disk at random moments, and let the daemon finish on each copy."""
    wrong = []
    with faults.disk(plan.home, tree.home) as images:
        faults.insert(images, "disk.img", tree.home)
        on_disk = Tree(tree.home, SETTINGS)
        run = plan.run(on_disk)
        run.drop(plan.ledger.dropped)
        os.sync()
        run.ready()
        for number in range(plan.cuts):
            time.sleep(run.rng.uniform(0.2, 1.5))
            faults.snapshot(images, f"cut-{number}.img")
        wrong += run.finish()
        for number in range(plan.cuts):
            subprocess.run(["umount", str(tree.home)], check=True)
            faults.insert(images, f"cut-{number}.img", tree.home)
            on_disk.log.unlink(missing_ok=True)
            wrong += [f"cut {number}: {what}" for what in run.finish()]
        on_disk.close()
    return wrong, f"{plan.cuts} cuts"


FAULTS: dict[str, Fault] = {
    "kill": kill,
    "full-outbox": full("outbox", "4m"),
    "full-archive": full("archive", "8m"),
    "full-state": full("state", "32m"),
    "errors-inbox": errors("inbox", "EIO", "ESTALE", "ENOTCONN", "EACCES"),
    "errors-outbox": errors("outbox", "EIO", "EROFS", "ENOSPC", "ESTALE"),
    "errors-archive": errors("archive", "EROFS", "EIO"),
    "held-open": held_open,
    "reopened": reopened,
    "full-subfolder": full_subfolder,
    "odd-server": odd_server,
    "another-user": another_user,
    "permissions": permissions,
    "inbox-replaced": inbox_replaced,
    "clock": clock,
    "events-lost": events_lost,
    "few-watches": few_watches,
    "few-descriptors": few_descriptors,
    "power-cut": power_cut,
}


def impossible() -> str | None:
    """Return the reason why this machine can't cause the faults; None if it can."""
    if os.geteuid() != 0:
        return "needs root, to mount file systems"
    for program in ("setpriv", "faketime", "mkfs.btrfs", "fusermount3"):
        if shutil.which(program) is None:
            return f"{program} is not there"
    with tempfile.TemporaryDirectory() as folder:
        mounting = ["mount", "-t", "tmpfs", "tmpfs", folder]
        if subprocess.run(mounting, capture_output=True, check=False).returncode:
            return "can't mount here"
        subprocess.run(["umount", folder], check=True)
    return None if os.path.exists("/dev/fuse") else "no /dev/fuse"


def undisturbed(home: Path, count: int, seed: int) -> Ledger:
    """Run the files without a fault. Return the ledger with the expected results."""
    ledger = Ledger(documents(count, seed))
    with new_tree(home, SETTINGS) as tree:
        run = Run(tree, ledger, seed)
        run.ready()
        run.drop(ledger.dropped)
        wrong = run.finish()
        ledger.take_reference(tree)
        assert [w for w in wrong if not w.startswith("other than")] == [], wrong
    return ledger


def one(
    name: str,
    home: Path,
    ledger: Ledger,
    *,
    seed: int,
    kills: int,
    cuts: int,
    brisk: bool = False,
) -> tuple[list[str], str]:
    """Run one fault on its own tree. Return the violations, and a note about the run. ``brisk``: see ``Run``."""
    home.mkdir()
    ledger.put_back.clear()
    plan = Plan(home, ledger, seed, kills, cuts, brisk)
    if name == "power-cut":  # the power cut makes the tree on its own disk
        tree = Tree.__new__(Tree)
        tree.home = home / "tree"
        return FAULTS[name](plan, tree)
    with new_tree(home / "tree", SETTINGS) as tree:
        return FAULTS[name](plan, tree)


def main() -> int:
    """Run the chosen faults, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "faults", nargs="*", choices=[*FAULTS, []], metavar="fault", help=", ".join(FAULTS)
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--cuts", type=int, default=20)
    options = parser.parse_args()
    why = impossible()
    if why:
        sys.exit(f"faults can't be made here: {why}")
    bad = 0
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scanmend-faults-")))
        ledger = undisturbed(home / "undisturbed", options.documents, options.seed)
        good = sum(d.good for d in ledger.dropped)
        print(f"seed {options.seed}; {len(ledger.dropped)} files, {good} of them good", flush=True)
        for name in options.faults or FAULTS:
            began = time.monotonic()
            amount = {"seed": options.seed, "kills": options.kills, "cuts": options.cuts}
            wrong, note = one(name, home / name, ledger, **amount)
            bad += len(wrong)
            verdict = "as undisturbed" if not wrong else f"{len(wrong)} WRONG"
            print(f"{name:<16} {verdict:<15} {time.monotonic() - began:5.0f} s  {note}", flush=True)
            for what in wrong[:20]:
                print(f"    {what}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
