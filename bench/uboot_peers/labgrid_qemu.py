"""labgrid's UBootDriver over its QEMUDriver, which starts its own QEMU. Runs in its own venv."""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from labgrid import Environment, Target
from labgrid.driver import QEMUDriver, UBootDriver

bios, count, command = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with tempfile.TemporaryDirectory() as folder:
    config = Path(folder) / "env.yaml"
    qemu = shutil.which("qemu-system-aarch64")
    config.write_text(f"tools: {{qemu: {qemu}}}\nimages: {{bios: {bios}}}\ntargets: {{bench: {{}}}}\n")
    target = Target("bench", env=Environment(str(config)))
    driver = QEMUDriver(
        target,
        None,
        qemu_bin="qemu",
        machine="virt",
        cpu="cortex-a53",
        memory="128M",
        bios="bios",
        extra_args="-net none",
    )
    uboot = UBootDriver(target, None, prompt="=> ")
    target.activate(driver)
    driver.on()
    try:
        target.activate(uboot)
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            output, _, status = uboot.run(command)
            times.append((time.perf_counter() - begin) * 1e3)
            assert status == 0, output
            assert output, command
    finally:
        driver.off()
print(json.dumps(times))
