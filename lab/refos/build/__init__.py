"""Building refos, the reference operating system of the lab, on this host: no root, no foreign code run.

What an image promises to the code that runs in it (`lab.refos.guest`), and what that may rely on:

- `/sbin/init` is a shell script and process 1. It runs `python3 -m lab.refos.guest` in the foreground, reaps
  what is orphaned, and when that ends, however it ends, restarts the machine.
- `/` is the squashfs, read-only. `/run`, `/tmp`, `/var` are tmpfs. `/dev`, `/proc`, `/sys` are there.
- `/slot` is the file system of the booted slot, read-only; not mounted where the system runs from memory.
- `/state` is the STATE partition, ext4, read and write, checked before; not mounted where there is none.
- `/dev/refos/<name>` is a link to each partition with one of our GPT names, in lower case: `boot`, `env`,
  `slot-a`, `slot-b`, `state`. `refos-links` makes them again after a disk was partitioned.
- The environment has `REFOS_SLOT` (`A`, `B` or `netboot`) and, with a watchdog, `REFOS_WATCHDOG_FD`: the open
  /dev/watchdog, armed since the boot loader. Write a byte to feed it; never close it.
- `/etc/refos-release` has NAME, VERSION, ARCH and COMPATIBLE (what RAUC compares), a KEY=value a line.
- `/etc/resolv.conf`, `/etc/hostname` and `/etc/hosts` are links into /run; the files there are the guest's.
- `fw_printenv` and `fw_setenv` (libubootenv) know the boot loader's environment: BOOT_ORDER, BOOT_A_LEFT,
  BOOT_B_LEFT. Two copies with a counter: the older one is overwritten, so a power cut leaves the newer whole.
- `refos-updater` starts D-Bus and `rauc service` and returns when `rauc install URL` can be called; also
  `rauc status --output-format=json`, `rauc status mark-good`.
- `/usr/lib/refos/` has what an installer writes to an empty disk: `partitions.sfdisk` (for sfdisk; fill in no
  sizes), `boot.img` (for BOOT), `env.img` (for ENV). STATE is made with mke2fs.
"""
