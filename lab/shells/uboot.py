"""U-Boot's command line over a console: caught at power-on, proven in sync, handed over when it boots."""

import contextlib
import itertools
import re
from dataclasses import dataclass

from lab.console.alarms import RESET, AlarmRule
from lab.console.expect import Pattern
from lab.console.session import Console
from lab.errors import CommandFailed, ConsoleError, ConsoleTimeout, StreamClosed, UsageError
from lab.model import UbootTraits
from lab.shells import hush
from lab.shells.dialogue import CTRL_C, Counters, Dialogue

STOP_PERIOD = 0.05  # seconds between two stop keys: one must wait in the FIFO where U-Boot looks only once
_CTRL_C_EVERY = 8  # stop keys: at a prompt that is there already, Ctrl-C makes U-Boot show it
_BLIND_PERIOD = 4.0  # seconds between two attempts without a prompt in sight: it may be unlike the one set
_KERNEL = Pattern("kernel", rb"^Starting kernel \.\.\.|\] Linux version \d")
_RETURNED = AlarmRule("boot-returned", rb"^boot command returned status \d")
# U-Boot prints it for every undefined variable; a command's status says whether it matters.
_ERROR = "uboot-error"


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file in the board's memory: size in bytes and the CRC-32 that the board computed over it."""

    name: str
    size: int
    crc32: int


class UbootShell:
    """U-Boot's shell. `interrupt()` first; after `boot()` the console belongs to whoever took it."""

    def __init__(
        self,
        console: Console,
        traits: UbootTraits | None = None,
        *,
        echo_timeout: float = 3.0,
        resync_timeout: float = 10.0,
    ) -> None:
        self.traits = traits or UbootTraits()
        self._moved = False
        self._dialogue = Dialogue(
            console,
            self.traits.prompt,
            chunk=self.traits.chunk,
            # The simple line editor (no CONFIG_CMDLINE_EDITING) takes two bytes less than the buffer has.
            limit=self.traits.cbsize - 2,
            interrupt_mark=b"<INTERRUPT>",
            echo_timeout=echo_timeout,
            resync_timeout=resync_timeout,
        )

    @property
    def counters(self) -> Counters:
        """How often lines were typed again and synchronisation was lost and found."""
        return self._dialogue.counters

    def interrupt(self, timeout: float = 30.0) -> None:
        """Stop autoboot and get to the prompt. Call it before, at or after power-on, or at a prompt.

        Sends the stop key from now on, whether or not a countdown is printed, until a sentinel is answered.
        Raises ConsoleError where the kernel started instead, ConsoleTimeout after `timeout` seconds.
        """
        dialogue, console = self._ours(), self._dialogue.console
        deadline = console.now() + timeout
        blind = console.now() + _BLIND_PERIOD
        console.drain(past_alarms=True)
        presses = itertools.count(1)
        with dialogue.alive(), console.expecting(RESET, _ERROR):
            while console.now() < deadline:
                seen = self._press_stop_key(console, next(presses))
                if seen == self._dialogue.prompt.name or console.now() >= blind:
                    if self._prove_quickly(dialogue):
                        console.board_is_up()
                        return
                    blind = console.now() + _BLIND_PERIOD
                    seen = self._listen(console, [_KERNEL])
                if seen == _KERNEL.name:
                    raise ConsoleError(f"console {console.name}: autoboot was not stopped, the kernel starts")
        raise ConsoleTimeout(
            f"console {console.name}: no U-Boot answered within {timeout:.3g} s {dialogue.hint}".rstrip()
            + f"; the last it said: {console.last_words()}"
        )

    def _press_stop_key(self, console: Console, count: int) -> str:
        """Press it once; the name of what came within the period, if it tells anything."""
        key = self.traits.stop_key.encode() if count % _CTRL_C_EVERY else CTRL_C
        with contextlib.suppress(StreamClosed):  # the board is off: an emulator's console is not there yet
            console.write(key)
        return self._listen(console, [self._dialogue.prompt, _KERNEL])

    def _listen(self, console: Console, patterns: list[Pattern]) -> str:
        """The name of the pattern that comes within a stop key's period, or nothing."""
        try:
            return console.expect(patterns, STOP_PERIOD).pattern
        except ConsoleTimeout:
            return ""

    def _prove_quickly(self, dialogue: Dialogue) -> bool:
        """Try for a sentinel without waiting long: U-Boot may not be there yet, and autoboot may run."""
        patience = dialogue.echo_timeout
        dialogue.echo_timeout = min(patience, 0.3)
        try:
            return dialogue.prove()
        except StreamClosed:
            if dialogue.console.closed:
                raise
            return False
        finally:
            dialogue.echo_timeout = patience

    def run(self, command: str, timeout: float = 30.0) -> str:
        """Run one command line; return what it printed. Raises CommandFailed where its status is not 0.

        Also raises UsageError (too long, an open quote; nothing was typed), ConsoleTimeout (stopped with
        Ctrl-C, in sync again), ConsoleError (e.g. the board reset, or the shell is dead).
        """
        status, output = self.run_unchecked(command, timeout)
        if status:
            raise CommandFailed(command, status, output)
        return output

    def run_unchecked(self, command: str, timeout: float = 30.0) -> tuple[int, str]:
        """The same; return (status, output) whatever the status is."""
        dialogue = self._ours()
        hush.check_command(command)
        with dialogue.console.expecting(_ERROR):
            return dialogue.run(command, timeout)

    def getenv(self, name: str) -> str | None:
        """The value of a variable; None where it is not set.

        By printenv, since `echo $x` loses quotes, backslashes and double spaces.
        """
        status, output = self.run_unchecked(f"printenv {hush.check_env_name(name)}")
        if status:
            return None
        prefix = f"{name}="
        if not output.startswith(prefix):
            raise ConsoleError(f"printenv {name} printed something else: {output!r}")
        return output.removeprefix(prefix)

    def setenv(self, name: str, value: str | None) -> None:
        """Set a variable to exactly `value`; None or "" deletes it."""
        hush.check_env_name(name)
        self.run(f"setenv {name} {hush.quote(value)}" if value else f"setenv {name}")

    def tftp_load(self, address: str | int, name: str, timeout: float = 120.0) -> LoadedFile:
        """Load a file by TFTP to `address` (a number, or text such as `${kernel_addr_r}`).

        Returns its size and CRC-32 as the board sees them: compare them with what was served. Raises
        CommandFailed where the transfer failed, ConsoleError where size and transfer do not agree.
        """
        where = f"{address:x}" if isinstance(address, int) else address
        output = self.run(f"tftpboot {where} {hush.quote(name)}", timeout)
        size = int(self.getenv("filesize") or "0", 16)
        said = re.search(r"Bytes transferred = (\d+)", output)
        if said is None or int(said[1]) != size:
            raise ConsoleError(f"tftpboot {name}: filesize is {size}, but it said {output[-80:]!r}")
        checksum = re.search(r"==> ([0-9a-f]{8})\b", self.run(f"crc32 {where} {size:x}", timeout))
        if checksum is None:
            raise ConsoleError(f"crc32 over {name} printed no checksum")
        return LoadedFile(name, size, int(checksum[1], 16))

    def boot(self, command: str) -> Console:
        """Enter a command that does not come back (`booti ...`, `boot`, `reset`); return the console.

        The shell cannot be used afterwards. Should the command come back after all, every wait on the console
        ends with the alarm `boot-returned`, which carries its status.
        """
        dialogue = self._ours()
        hush.check_command(command)
        dialogue.console.watch(_RETURNED)
        with dialogue.console.expecting(*([RESET] if command.strip() == "reset" else [])):
            dialogue.hand_over(command, 'echo "boot command returned status $?"')
        self._moved = True
        return dialogue.console

    def _ours(self) -> Dialogue:
        if self._moved:
            raise UsageError(
                "this U-Boot shell gave its console away with boot(); make a new one after a reset"
            )
        return self._dialogue
