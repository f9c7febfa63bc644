"""Run the real daemon, but kill it (SIGKILL) at the point that the environment variable DIE_AT names.

A point is WHEN:STEP or WHEN:STEP:WHICH. WHEN is ``before`` or ``after``; STEP is one of ``STEPS``; WHICH is the new
state for ``state``, and the file's name for ``file``. The process dies at the first matching call of the step's function.

The process ends with an error before the daemon starts if the point is unknown, if a function in the table was renamed,
or if it lacks the parameter that the step checks. If the daemon never reaches the point, it keeps running, and the test
that waits for its end fails. Before it dies, the process writes ``died at POINT``, which tests look for.
"""

import functools
import importlib
import inspect
import os
import signal
import sys


def always(_value, _which):
    return True


# step -> module, function, the parameter that the step checks, and a function that compares its value with WHICH
STEPS = {
    "claim": ("scanmend.store.journal", "Journal.claim", "snapshot", always),
    "state": ("scanmend.store.journal", "Journal.move", "new", lambda state, which: state == which),
    "contents": ("scanmend.store.journal", "Journal.keep_contents", "contents", always),
    "text": ("scanmend.store.pages", "Pages.keep_text", "text", always),
    "result": ("scanmend.store.pages", "Pages.keep_result", "result", always),
    "file": (
        "scanmend.store.atomic",
        "write",
        "path",
        lambda path, which: os.path.basename(path) == os.fsencode(which),
    ),
    "original": ("scanmend.pipeline.handover", "Original.move_to", "target", always),
    "parts": ("scanmend.store.parts", "Parts.take", "scratch", always),
    "drop": (
        "scanmend.store.parts",
        "Parts.drop",
        "document",
        lambda document, _: document.part is not None,
    ),
}
NEED_WHICH = ("state", "file")


def find(step):
    """Return the owner of a step's function, the function's name there, and the function itself."""
    module, path, parameter, _ = STEPS[step]
    *classes, name = path.split(".")
    owner = functools.reduce(getattr, classes, importlib.import_module(module))
    function = owner.__dict__.get(name)
    if not inspect.isfunction(function):
        sys.exit(f"dying.py: {module}.{path} is not a function any more; correct STEPS")
    if parameter not in inspect.signature(function).parameters:
        sys.exit(f"dying.py: {module}.{path} has no parameter {parameter}; correct STEPS")
    return owner, name, function


def die(point):
    os.write(2, f"died at {point}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point):
    """Replace the function of the point by one that kills the process."""
    when, step, which = [*point.split(":"), ""][:3]
    if when not in ("before", "after") or step not in STEPS:
        sys.exit(f"dying.py: unknown point {point}")
    if (step in NEED_WHICH) != (which != ""):
        sys.exit(f"dying.py: {point}: WHICH is for {' and '.join(NEED_WHICH)}, which need it")
    owner, function_name, function = find(step)
    parameter, fits = STEPS[step][2:]
    signature = inspect.signature(function)

    @functools.wraps(function)
    def dying(*args, **kwargs):
        is_here = fits(signature.bind(*args, **kwargs).arguments[parameter], which)
        if is_here and when == "before":
            die(point)
        result = function(*args, **kwargs)
        if is_here:
            die(point)
        return result

    setattr(owner, function_name, dying)


for one in STEPS:
    find(one)
arm(os.environ.pop("DIE_AT"))

from scanmend.cli.main import main

sys.exit(main())
