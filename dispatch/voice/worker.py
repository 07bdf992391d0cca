"""The confined process that opens strangers' sound: `python -m dispatch.voice.worker SOCKET PARENT`.

Takes one job after the other from its socket, each with an open file, and answers each with one line of JSON. Knows no
order, no store, no setting. Invariant: it ends when its server does, be it in the middle of a file.
"""

import os
import socket
import sys
from typing import Final

import av.logging

from dispatch.voice.confinement import confine
from dispatch.voice.decoding import inspect, warm_up
from dispatch.voice.formats import Malformed
from dispatch.voice.recording import Answer, Ready, Refusal, encode, read_job

MOST_MEMORY: Final = 512 << 20
MOST_FILES: Final = 16
MOST_LINE: Final = 4096
BROKEN: Final = 70
"""The exit code that tells a bug of ours from a decoder's crash."""


def main() -> None:
    given, parent = int(sys.argv[1]), int(sys.argv[2])
    av.logging.set_level(None)  # it would quote what is in the file
    warm_up()
    confine(parent, most_memory=MOST_MEMORY, most_files=MOST_FILES)
    server = socket.socket(fileno=given)
    try:
        server.sendall(encode(Ready()) + b"\n")
        while serve_one(server):
            pass
    except BaseException:
        os._exit(BROKEN)  # before the socket closes: else the server's kill comes first, and hides how it ended


def serve_one(server: socket.socket) -> bool:
    """False when the server is gone."""
    line, files, _, _ = socket.recv_fds(server, MOST_LINE, 1)
    if not line:
        return False
    try:
        answer = answer_to(files[0], read_job(line).most_seconds)
    finally:
        for file in files:
            os.close(file)
    server.sendall(encode(answer) + b"\n")
    return True


def answer_to(file: int, most_seconds: float) -> Answer:
    try:
        return inspect(os.pread(file, os.fstat(file).st_size, 0), most_seconds)
    except Malformed as exc:
        return Refusal(reason=exc.reason)
    except MemoryError:
        return Refusal(reason="too much to decode")


if __name__ == "__main__":
    main()
