"""A small U-Boot: line editor, hush enough for lists, quotes, variables and `$?`, autoboot, reset.

What it prints was taken from U-Boot 2023.01 (Debian, qemu_arm64); its oddities are there on purpose: an empty
line repeats the last command, TAB completes, a full line rings the bell, Ctrl-C prints <INTERRUPT> only while
a line is edited, a syntax error drops the whole line.
"""

import re
import zlib
from collections.abc import Callable, Generator, Iterator

from lab.errors import StreamClosed
from lab.testing.clock import VirtualClock

BANNER = "U-Boot 2023.01+dfsg-2+deb12u3 (Jun 22 2026 - 08:38:07 +0000)"
CBSIZE = 512
_WORD = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^ '"\\;&|]+|;+|&&|\|\||[&|]| +""")


# A command: yields seconds to sleep, returns its status.
_Job = Generator[float, None, int]


class _Reset(Exception):
    """The board begins anew."""


class FakeUboot:
    """A ByteStream: power it on, type on it. Virtual time passes in `read`."""

    def __init__(
        self, clock: VirtualClock, *, bootdelay: float = 2.0, countdown: bool = True, prompt: str = "=> "
    ) -> None:
        self.name = "fake-uboot"
        self.clock = clock
        self.prompt = prompt
        self.bootdelay = bootdelay
        self.countdown = countdown
        self.env = {"bootcmd": "run distro_bootcmd", "ver": BANNER}
        self.executed: list[str] = []  # every line that was run
        self.files = {"Image": b"kernel" * 1000}
        self.stamps = False  # a time stamp before every line, as some terminal servers print
        self.deaf = False  # a hung board: takes everything, says nothing
        self.on = False
        self._out = bytearray()
        self._line = bytearray()
        self._last = ""
        self._status = 0
        self._job: Iterator[float] | None = None  # what runs; yields until when it sleeps
        self._wake = 0.0
        self._key = False
        self._interrupted = False
        self._any_key_wakes = False
        self._open = False

    # -- ByteStream ------------------------------------------------------------------------------------

    def open(self) -> None:
        """Be there; still off."""
        self._open = True

    def close(self) -> None:
        """Be gone."""
        self._open = False

    def read(self, timeout: float) -> bytes:
        """What it printed; else let time pass until it prints or `timeout` is over."""
        if not self._open:
            raise StreamClosed("the fake U-Boot is closed")
        deadline = self.clock.now + timeout
        while not self._out:
            if self._job is None or self._wake > deadline:
                self.clock.advance(deadline - self.clock.now)
                return b""
            self.clock.advance(self._wake - self.clock.now)
            self._resume()
        data = bytes(self._out)
        self._out.clear()
        return data

    def write(self, data: bytes) -> None:
        """Keys, one after the other."""
        if not self._open:
            raise StreamClosed("the fake U-Boot is closed")
        for byte in b"" if self.deaf or not self.on else data:
            self._press(byte)

    # -- power and boot --------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Begin a boot now."""
        self.on = True
        self._line.clear()
        self._last = ""
        self._start(self._boot())

    def _boot(self) -> Iterator[float]:
        self._print(f"\n\n{BANNER}\n\nDRAM:  128 MiB\n")
        yield 0.1
        if self.countdown:
            self._print(f"Hit any key to stop autoboot: {self.bootdelay:2.0f} ")
        self._any_key_wakes = True
        if not self._key:  # a key that waits in the FIFO counts
            yield self.bootdelay
        self._any_key_wakes = False
        if self._key:
            self._print("\b\b\b 0 \n")
        else:
            self._print("\nStarting kernel ...\n\n")
            self.deaf = True
            yield 1e9

    def _start(self, job: Iterator[float]) -> None:
        self._job, self._wake, self._key = job, self.clock.now, False
        self._resume()

    def _resume(self) -> None:
        """Run the job until it sleeps or ends; a prompt follows its end."""
        while self._job is not None and self._wake <= self.clock.now:
            try:
                pause = next(self._job, None)
            except _Reset:
                self._job, self._key = self._boot(), False
                continue
            if pause is None:
                self._job = None
                self._prompt()
            else:
                self._wake = self.clock.now + pause

    def _print(self, text: str) -> None:
        data = text.replace("\n", "\r\n").encode()
        if self.stamps:
            stamp = f"\n[{self.clock.now:12.6f}] ".encode()
            data = data.replace(b"\n", stamp)
        self._out += data

    def _prompt(self) -> None:
        self._interrupted = False
        self._print(self.prompt)

    # -- the line editor -------------------------------------------------------------------------------

    def _press(self, byte: int) -> None:
        if self._job is not None:  # a running command looks for Ctrl-C only; autoboot for any key
            self._key = True
            self._interrupted = self._interrupted or byte == 3
            if self._any_key_wakes or byte == 3:
                self._wake = self.clock.now
                self._resume()
        elif byte == 3:
            self._line.clear()
            self._print("<INTERRUPT>\n")
            self._prompt()
        elif byte in b"\r\n":
            self._print("\n")
            line = self._line.decode(errors="replace")
            self._line.clear()
            self._last = line or self._last
            self.executed.append(self._last)
            self._start(self._run(self._last))
        elif byte == 9:
            self._print("\n  echo editenv env erase exit\n" + self.prompt)
            self._out += self._line
        elif byte in b"\b\x7f":
            if self._line:
                self._line.pop()
                self._out += b"\b \b"
        elif len(self._line) >= CBSIZE:
            self._out += b"\a"
        else:
            self._line.append(byte)
            self._out.append(byte)

    # -- hush, as much as is needed --------------------------------------------------------------------

    def _run(self, line: str) -> Iterator[float]:
        try:
            commands = self._parse(line)
        except SyntaxError:
            self._print("syntax error\n")
            return
        for command in commands:
            words = [self._expand(word) for word in command]
            self._status = yield from self._command(words)

    def _parse(self, line: str) -> list[list[list[str]]]:
        """Commands as lists of words, a word as a list of its raw parts."""
        commands: list[list[list[str]]] = [[]]
        joined = False
        at = 0
        while at < len(line):
            token = _WORD.match(line, at)
            if token is None or token[0] in ("&", "|", "&&", "||"):
                raise SyntaxError(line)
            at = token.end()
            part = token[0]
            if part.startswith(";"):
                commands.append([])
                joined = False
            elif not part.strip(" "):
                joined = False
            elif joined:
                commands[-1][-1].append(part)
            else:
                commands[-1].append([part])
                joined = True
        return [c for c in commands if c]

    def _expand(self, parts: list[str]) -> str:
        return "".join(self._expand_part(part) for part in parts)

    def _expand_part(self, part: str) -> str:
        if part.startswith("'"):
            return part[1:-1].replace("\\\\", "\\")
        if part.startswith("\\"):
            return part[1:]
        text = part[1:-1] if part.startswith('"') else part
        text = text.replace("$?", str(self._status))
        return re.sub(r"\$\{?(\w+)\}?", lambda m: self.env.get(m[1], ""), text)

    def _command(self, words: list[str]) -> _Job:
        name, *args = words
        known: Callable[[list[str]], _Job] | None = getattr(self, f"_do_{name}", None)
        if known is None:
            self._print(f"Unknown command '{name}' - try 'help'\n")
            return 1
        try:
            return (yield from known(args))
        except (IndexError, ValueError):  # half a line, when a damaged byte became Enter
            self._print(f"Usage:\n{name} ...\n")
            return 1

    def _do_echo(self, args: list[str]) -> _Job:
        yield 0
        newline = args[:1] != ["-n"]
        self._print(" ".join(args if newline else args[1:]) + ("\n" if newline else ""))
        return 0

    def _do_true(self, _: list[str]) -> _Job:
        yield 0
        return 0

    def _do_false(self, _: list[str]) -> _Job:
        yield 0
        return 1

    def _do_sleep(self, args: list[str]) -> _Job:
        yield float(args[0])
        return 1 if self._interrupted else 0

    def _do_version(self, _: list[str]) -> _Job:
        yield 0
        self._print(f"{BANNER}\n\naarch64-linux-gnu-gcc (Debian 12.2.0-14) 12.2.0\nGNU ld 2.40\n")
        return 0

    def _do_printenv(self, args: list[str]) -> _Job:
        yield 0
        if args[0] not in self.env:
            self._print(f'## Error: "{args[0]}" not defined\n')
            return 1
        self._print(f"{args[0]}={self.env[args[0]]}\n")
        return 0

    def _do_setenv(self, args: list[str]) -> _Job:
        yield 0
        self.env.pop(args[0], None)
        if len(args) > 1:
            self.env[args[0]] = " ".join(args[1:])
        return 0

    def _do_tftpboot(self, args: list[str]) -> _Job:
        yield 0.1
        if args[1] not in self.files:
            self._print("TFTP error: 'File not found' (1)\n")
            return 1
        size = len(self.files[args[1]])
        self._print(f"Loading: ####\n\t 5 MiB/s\ndone\nBytes transferred = {size} ({size:x} hex)\n")
        self.env |= {"filesize": f"{size:x}", "_loaded": args[1]}
        return 0

    def _do_crc32(self, args: list[str]) -> _Job:
        yield 0
        data = self.files[self.env.get("_loaded", "Image")][: int(args[1], 16)]
        self._print(f"crc32 for {args[0]} ... {args[1]} ==> {zlib.crc32(data):08x}\n")
        return 0

    def _do_panic(self, _: list[str]) -> _Job:
        yield 0
        self._print('"Synchronous Abort" handler, esr 0x96000010\nResetting CPU ...\n')
        raise _Reset

    def _do_reset(self, _: list[str]) -> _Job:
        yield 0.1
        self._print("resetting ...\n")
        raise _Reset

    def _do_loop(self, _: list[str]) -> _Job:
        """Prints for ever, until Ctrl-C."""
        while not self._interrupted:
            self._print("x\n")
            yield 0.01
        return 1
