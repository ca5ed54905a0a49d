"""The process that reads results for the boot service: questions come in, answers and changes go out.

One JSON object a line, over a socket that is our standard input. In: `{"id", "ask", "given"}`. Out: `{"id",
"answer"}` or `{"id", "missing"}` or `{"id", "trouble"}`, and `{"changed": number}` whenever something is new.
It ends when the socket does: with the service, however that ended.
"""

import json
import logging
import os
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lab.browse.answers import Answers
from lab.browse.library import Missing
from lab.errors import LabError

_log = logging.getLogger(__name__)
_THREADS = 4
_NICE = 5  # what boards wait for goes first


class Server:
    """Answers what comes over `line`, until it ends."""

    def __init__(
        self, line: socket.socket, results: Path, index_file: Path, updates_file: Path | None = None
    ) -> None:
        self._line, self._sending = line, threading.Lock()
        self._answers = Answers(results, index_file, self._changed, updates_file)

    def serve(self) -> None:
        """Return when the other end is gone."""
        threading.Thread(target=self._answers.watch, name="bootlab-watch", daemon=True).start()
        pool = ThreadPoolExecutor(_THREADS)
        with self._line.makefile("rb") as lines:
            for line in lines:
                pool.submit(self._answer, json.loads(line))

    def _answer(self, asked: dict[str, Any]) -> None:
        told: dict[str, Any] = {"id": asked["id"]}
        try:
            told["answer"] = self._answers.ask(asked["ask"], asked["given"])
            data = _line(told)
        except Missing as exc:
            data = _line({**told, "missing": str(exc)})
        except (LabError, OSError) as exc:
            data = _line({**told, "trouble": str(exc)})
        except Exception as exc:
            _log.exception("%s failed; this is a bug of bootlab", asked["ask"])
            sentence = f"{type(exc).__name__}: this is a bug of bootlab, see the service's log"
            data = _line({"id": asked["id"], "trouble": sentence})
        self._send(data)

    def _changed(self, number: int) -> None:
        self._send(_line({"changed": number}))

    def _send(self, data: bytes) -> None:
        try:
            with self._sending:
                self._line.sendall(data)
        except OSError:
            os._exit(0)  # the service is gone, and nobody waits for what other threads do


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told).encode() + b"\n"


def main() -> None:
    """Serve; arguments: the results folder, the file of the index, the file of the update servers if any."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(message)s")
    os.nice(_NICE)
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as line:
        Server(line, *(Path(word) for word in sys.argv[1:4])).serve()
    os._exit(0)  # whatever its threads are at: nobody waits for it


if __name__ == "__main__":
    main()
