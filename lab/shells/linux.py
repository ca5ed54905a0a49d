"""A root shell of a small Linux (busybox ash, bash) on a serial console.

The same dialogue as with U-Boot: echo verified chunk by chunk, a random sentinel behind every command. The
kernel's messages are kept off the console while we type (`dmesg -n 1`); they still reach its ring buffer.
"""

import random
import shlex

from lab.console.session import Console
from lab.errors import CommandFailed, ConsoleTimeout, UsageError
from lab.shells.dialogue import CTRL_C, Counters, Dialogue
from lab.shells.exchange import ENTER

LINE_LIMIT = 1000  # busybox's editor takes 1024 bytes
_ATTEMPT = 2.0  # seconds between two attempts to find a shell


class LinuxShell:
    """A root shell. `attach()` first, when a prompt is there or soon will be."""

    def __init__(
        self, console: Console, *, chunk: int = 16, echo_timeout: float = 3.0, resync_timeout: float = 10.0
    ) -> None:
        # A prompt of our own: the distribution's is not known, and may be like anything
        self._tag = "".join(random.choices("ghjkmnpqrstvwxyz", k=6))
        self._dialogue = Dialogue(
            console,
            f"{self._tag}# ",
            chunk=chunk,
            limit=LINE_LIMIT,
            echo_timeout=echo_timeout,
            resync_timeout=resync_timeout,
        )

    @property
    def counters(self) -> Counters:
        """How often lines were typed again and synchronisation was lost and found."""
        return self._dialogue.counters

    def attach(self, timeout: float = 30.0, *, quiet_kernel: bool = True) -> None:
        """Find a shell, give it our prompt and prove that it answers.

        `quiet_kernel` keeps the kernel's messages off the console, for they cut answers in two. Raises
        ConsoleTimeout where no shell answers within `timeout` seconds.
        """
        console, dialogue = self._dialogue.console, self._dialogue
        deadline = console.now() + timeout
        with dialogue.alive():
            wake = ENTER  # no Ctrl-C at first: it would kill what is still starting the shell
            while console.now() < deadline:
                if self._set_prompt(wake, min(_ATTEMPT, timeout)) and dialogue.prove():
                    break
                wake = CTRL_C + ENTER
            else:
                raise ConsoleTimeout(
                    f"console {console.name}: no shell answered within {timeout:.3g} s; "
                    f"the last it said: {console.last_words()}"
                )
        console.board_is_up()
        # Wide enough that the editor never wraps a line, which it would do by redrawing it. busybox looks at
        # the width again only on SIGWINCH, which goes to stty alone. (It believes an inherited COLUMNS more
        # than the terminal, and nothing helps against that; init on a serial console sets none.)
        for command in ("stty cols 2000 rows 100", "kill -WINCH $$"):
            self.run_unchecked(command)
        if quiet_kernel:
            self.run_unchecked("dmesg -n 1")

    def _set_prompt(self, wake: bytes, timeout: float) -> bool:
        """Type the assignment of our prompt, in two halves, so that its echo is not taken for the prompt."""
        console, dialogue = self._dialogue.console, self._dialogue
        console.drain()
        console.write(wake)
        try:
            console.expect(r"[#$>] ?", timeout)
            while True:  # the rest of that prompt
                console.expect(r"[^\0]{1,4096}", 0.1)
        except ConsoleTimeout:
            console.drain()
        if not dialogue.type(f"PS1='{self._tag[:3]}''{self._tag[3:]}# '".encode()):
            return False
        console.write(ENTER)
        try:
            console.expect(dialogue.prompt, timeout)
        except ConsoleTimeout:
            return False
        return True

    def run(self, command: str, timeout: float = 30.0) -> str:
        """Run one line; return what it printed, without the last newline.

        Raises CommandFailed where its status is not 0, UsageError where it is too long or has a control
        character, ConsoleTimeout (stopped with Ctrl-C, in sync again), ConsoleError.
        """
        status, output = self.run_unchecked(command, timeout)
        if status:
            raise CommandFailed(command, status, output)
        return output

    def run_unchecked(self, command: str, timeout: float = 30.0) -> tuple[int, str]:
        """The same; return (status, output) whatever the status is."""
        if any(character < " " or character == "\x7f" for character in command):
            raise UsageError(f"{command!r} has a control character; type one line at a time, without tabs")
        # eval: a comment, an open quote or a trailing `&` in the command cannot swallow the sentinel
        return self._dialogue.run(f"eval {shlex.quote(command)}", timeout)
