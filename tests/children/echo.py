"""A child for the tests of child.py: does what the request says, the bad things above all."""

import os
import signal
import sys
import time

from scanmend.workers.server import serve


kept = []


def run(request, progress):
    what = request["what"]
    if what == "echo":
        return {"said": request["text"]}
    if what == "progress":
        for i in range(3):
            progress({"step": i})
        return {}
    if what == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(3600)
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "exit":
        print("the library says no", file=sys.stderr, flush=True)
        os._exit(3)
    if what == "flood":
        for _ in range(2000):
            os.write(1, b"x" * 1000 + b"\n")
        return {"said": "after the flood"}
    if what == "eat":
        block = bytearray(request["bytes"])
        return {"size": len(block)}
    if what == "keep":
        kept.append(bytearray(request["bytes"]))
        return {}
    if what == "lie":
        os.write(int(os.environ["SCANMEND_FD"]), b"\0\0\0\5hello")
        time.sleep(3600)
    if what == "grandchild":
        import subprocess

        return {"pid": subprocess.Popen(["sleep", "3600"]).pid}
    if what == "no-file":
        open("/nonexistent/scan.pdf")
    raise ValueError(what)


serve({"run": run})
