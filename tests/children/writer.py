"""Write a file as its standard input says, one command a line, and answer each with "ok".

open PATH       open it for reading and writing, and make it if it does not exist
truncate        cut it to nothing
write PATH      append the bytes of that file
map             map the whole file into memory, writable, and close the descriptor
poke AT BYTE    change one byte of the mapping
close           close the descriptor, or the mapping
"""

import mmap
import os
import sys


def main():
    fd, mapping = -1, None
    for line in sys.stdin:
        command, *arguments = line.rstrip("\n").split(" ", 1)
        if command == "open":
            fd = os.open(arguments[0], os.O_RDWR | os.O_CREAT, 0o644)
        elif command == "truncate":
            os.ftruncate(fd, 0)
        elif command == "write":
            with open(arguments[0], "rb") as data:
                os.lseek(fd, 0, os.SEEK_END)
                os.write(fd, data.read())
        elif command == "map":
            mapping = mmap.mmap(fd, os.fstat(fd).st_size)
            os.close(fd)
        elif command == "poke":
            at, byte = map(int, arguments[0].split())
            mapping[at] = byte
        elif command == "close" and mapping is not None:
            mapping.close()
        elif command == "close":
            os.close(fd)
        else:
            sys.exit(f"unknown command {command}")
        print("ok", flush=True)


if __name__ == "__main__":
    main()
