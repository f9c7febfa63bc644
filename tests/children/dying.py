"""The real daemon, but it kills itself (SIGKILL) at a named point: POINT in $DIE_AT.

before:STATE / after:STATE   around the journal's move to that state
write:N                      before the N-th file that is written (0: the text, 1: the sidecar)
wrote:N                      after it
moved                        after the original's rename, before the journal knows
page / result                after a page's text or result was kept
taken / contents             after a file's attachments were copied; after the journal knew what it holds
dropped                      after an attachment's copy was removed
"""

import os
import signal
import sys

from scanmend.store import atomic
from scanmend.cli.main import main
from scanmend.store.journal import Journal
from scanmend.store.parts import Parts

POINT = os.environ.pop("DIE_AT")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def around(owner, name, before=lambda *a: False, after=lambda *a: False):
    real = getattr(owner, name)

    def wrapped(*args, **kwargs):
        if before(*args):
            die()
        result = real(*args, **kwargs)
        if after(*args):
            die()
        return result

    setattr(owner, name, wrapped)


kind, _, what = POINT.partition(":")
if kind in ("before", "after"):
    around(Journal, "move", **{kind: lambda _self, _document, new, *_: new == what})
elif kind in ("write", "wrote"):
    count = [-1]

    def nth(*_):
        count[0] += 1
        return count[0] == int(what)

    around(atomic, "write", **{"before" if kind == "write" else "after": nth})
elif kind == "moved":
    around(atomic, "move", after=lambda *_: True)
elif kind == "page":
    around(Journal, "keep_text", after=lambda *_: True)
elif kind == "result":
    around(Journal, "keep_result", after=lambda *_: True)
elif kind == "taken":
    around(Parts, "take", after=lambda *_: True)
elif kind == "dropped":
    around(Parts, "drop", after=lambda _self, document: document.part is not None)
elif kind == "contents":
    around(Journal, "keep_contents", after=lambda *_: True)
elif kind == "claimed":
    around(Journal, "claim", after=lambda *_: True)
else:
    sys.exit(f"unknown point {POINT}")

sys.exit(main())
