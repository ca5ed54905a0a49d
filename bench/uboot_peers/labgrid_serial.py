"""labgrid's UBootDriver over its SerialDriver: time N commands at a prompt. Runs in its own venv."""

import json
import sys
import time

from labgrid import Target
from labgrid.driver import SerialDriver, UBootDriver
from labgrid.resource import RawSerialPort

pty, count, command = sys.argv[1], int(sys.argv[2]), sys.argv[3]
target = Target("bench")
RawSerialPort(target, None, port=pty, speed=115200)
SerialDriver(target, None)
uboot = UBootDriver(target, None, prompt="=> ")
target.activate(uboot)
times = []
for _ in range(count):
    begin = time.perf_counter()
    output, _, status = uboot.run(command)
    times.append((time.perf_counter() - begin) * 1e3)
    assert status == 0, output
    assert output, command
print(json.dumps(times))
