"""Make OCR children of a daemon fail at some pages, if PYTHONPATH begins with this folder.

The environment variable BAD_PAGES holds pairs such as ``1:hang 3:die``: the index of the page (from 0), and what the child
does in place of reading it: ``hang``, ``die``, ``memory`` (allocate beyond its limit), ``raise`` (an unforeseen error).
"""

import os
import sys
import time

_LARGER_THAN_ANY_MEMORY = 2**45


def fail(how):
    if how == "hang":
        time.sleep(1000)
    elif how == "die":
        os.abort()
    elif how == "memory":
        bytearray(_LARGER_THAN_ANY_MEMORY)
    else:
        raise RuntimeError("an unforeseen error")


def main():
    from scanmend.ocr import page_reader

    bad = dict(pair.split(":") for pair in os.environ["BAD_PAGES"].split())
    read_page = page_reader.read_page

    def failing(request):
        if how := bad.get(str(request.index)):
            fail(how)
        return read_page(request)

    page_reader.read_page = failing


if sys.orig_argv[-1:] == ["scanmend.ocr"]:
    main()
