"""tbot's UBootShell over its pyserial connector: time N commands at a prompt that is there. Its own venv."""

import contextlib
import json
import shlex
import sys
import time

import tbot
from tbot.machine import board, connector, linux
from tbot_contrib.connector.pyserial import PyserialConnector

pty, count, command = sys.argv[1], int(sys.argv[2]), sys.argv[3]


class Localhost(connector.SubprocessConnector, linux.Bash):
    name = "local"


class Uboot(PyserialConnector, board.UBootShell):
    name = "uboot"
    serial_port = pty
    prompt = "=> "


words = shlex.split(command)
tbot.log.VERBOSITY = tbot.log.Verbosity.QUIET
times = []
with contextlib.ExitStack() as stack, contextlib.redirect_stdout(sys.stderr):
    host = stack.enter_context(Localhost())
    uboot = stack.enter_context(Uboot(host))
    for _ in range(count):
        begin = time.perf_counter()
        status, output = uboot.exec(*words)
        times.append((time.perf_counter() - begin) * 1e3)
        assert status == 0, output
        assert output, command
print(json.dumps(times))
