"""`bootlab`: the command line. Each command is a module of its own, loaded only when it is called.

Exit codes: 0 ok, 1 a test or check failed, 2 usage or config, 3 the board misbehaved, 4 the lab's own
equipment failed, 5 a bug of ours.
"""

import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import version

import click

from lab.errors import LabError
from pxe.errors import CaptureError, ChecksumError, PlanError, PxeError

# name -> "module:command". A literal dictionary: grep finds every command.
COMMANDS = {
    "demo": "lab.cli.demo:demo",
    "serve": "lab.cli.serve:serve",
    "tftp": "lab.cli.tftp:tftp",
    "boot": "lab.cli.boot:boot",
    "doctor": "lab.cli.doctor:doctor",
    "shadow": "lab.cli.shadow:shadow",
    "report": "lab.cli.report:report",
    "results": "lab.cli.results:results",
    "compare": "lab.cli.compare:compare",
    "baseline": "lab.cli.baseline:baseline",
    "bisect": "lab.cli.bisect:bisect",
    "explain": "lab.cli.explain:explain",
    "timeline": "lab.cli.timeline:timeline",
    "image": "lab.cli.image:image",
    "schematic": "lab.cli.schematic:schematic",
    "butane": "lab.cli.butane:butane",
    "gpt": "lab.cli.gpt:gpt",
    "sysext": "lab.cli.sysext:sysext",
    "machine": "lab.cli.machine:machine",
    "plan": "lab.cli.plan:plan",
    "rule": "lab.cli.rule:rule",
    "lease": "lab.cli.listings:lease",
    "unknown": "lab.cli.listings:unknown",
    "events": "lab.cli.listings:events",
    "boots": "lab.cli.boots:boots",
    "deliveries": "lab.cli.listings:deliveries",
    "audit": "lab.cli.listings:audit",
    "token": "lab.cli.token:token",
    "log": "lab.cli.log:log",
    "node": "lab.cli.node:node",
    "systems": "lab.cli.systems:systems",
    "claims": "lab.cli.claims:claims",
    "hostile": "lab.cli.hostile:hostile",
    "test": "lab.cli.test:test",
    "matrix": "lab.cli.matrix:matrix",
    "rollout": "lab.cli.rollout:rollout",
    "dns": "lab.cli.dns:dns",
    "updates": "lab.cli.updates:updates",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is named: `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command."""
        target = COMMANDS.get(cmd_name)
        if target is None:
            return None
        module, _, attribute = target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("bootlab"), prog_name="bootlab")
def cli() -> None:
    """Netboot boards, real and emulated, and see where every second of the boot went."""


def exit_code(error: BaseException) -> int:
    """The exit code that tells scripts who must act."""
    if isinstance(error, LabError):
        return error.exit_code
    if isinstance(error, PlanError | CaptureError):
        return 2
    if isinstance(error, ChecksumError):
        return 1
    return 4 if isinstance(error, PxeError) else 5


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line; every error that a user can cause is one message, never a traceback."""
    try:
        status = cli.main(args=args, prog_name="bootlab", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("bootlab: interrupted", err=True)
        sys.exit(130)
    except (LabError, PxeError) as error:
        click.echo(f"bootlab: {error}", err=True)
        sys.exit(exit_code(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of our output went away
        sys.exit(1)
    except Exception:
        _report_bug()
        sys.exit(5)


def _report_bug() -> None:
    with tempfile.NamedTemporaryFile("w", prefix="bootlab-bug-", suffix=".txt", delete=False) as file:
        traceback.print_exc(file=file)
    reason = traceback.format_exc().strip().splitlines()[-1]
    click.echo(f"bootlab: this is a bug of bootlab, please report it with {file.name}\n  {reason}", err=True)
