"""What a plan or machine may say: checked before it is stored, and again before it enters a script.

A plan's words end up in a U-Boot shell, in a pxelinux file and on a kernel's command line. U-Boot expands
`${...}` in scripts and, for pxelinux files, in APPEND lines as well; a newline would end the statement. So
what could be read as syntax anywhere is refused with a sentence, and nothing is rewritten silently
(the class of bug of CVE-2026-46447: boot-script injection through node properties).
"""

import re
from uuid import UUID

from pxe.errors import PlanError
from pxe.plan import Asset, BootPlan, Machine, PlanRule, Selector, normalise_mac

SCRIPT_NAME = "boot.scr.uimg"  # the fixed name that U-Boot's distro boot asks for
PXELINUX_FOLDER = "pxelinux.cfg/"
BOOT_FOLDER = "boot/"  # /boot/<mac>.scr over HTTP: the boot script as text, for people

CMDLINE_BYTES = 2047  # arm64 COMMAND_LINE_SIZE is 2048 with its NUL; longer lines are cut without a word
NAME_BYTES = 120  # U-Boot net/tftp.c keeps 127 bytes of a name and asks for the rest's prefix
TEXT_BYTES = 256 * 1024

_PLAN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{1,16}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # tags, serials: safe in URLs, paths, every script
_MAC_PREFIX = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){0,5}")
_CMDLINE = re.compile(r"[ -~]*")  # printable ASCII
_FORBIDDEN_IN_CMDLINE = "'$\\`"  # a single-quoted U-Boot word holds all others literally


def check_plan_name(name: str, where: str = "plan name") -> None:
    """Raise PlanError where `name` cannot name a plan (it stands in URLs and on the console)."""
    if not _PLAN_NAME.fullmatch(name):
        raise PlanError(f"{where} {name!r}: use 1 to 64 letters, digits, '.', '_' or '-'")


def check_file_name(name: str, where: str) -> None:
    """Raise PlanError where `name` cannot be asked for by TFTP, HTTP and from a U-Boot script alike."""
    if not _FILE_NAME.fullmatch(name):
        raise PlanError(
            f"{where} {name!r}: use letters, digits, '.', '_', '+', '-', folders separated by '/', "
            "and begin each part with a letter or digit"
        )
    if len(name) > NAME_BYTES:
        raise PlanError(f"{where} {name!r}: {len(name)} characters; U-Boot cuts names over {NAME_BYTES}")
    if name == SCRIPT_NAME or name.startswith((PXELINUX_FOLDER, BOOT_FOLDER)):
        raise PlanError(f"{where} {name!r}: the boot service makes the file of that name itself")


def check_cmdline(cmdline: str) -> None:
    """Raise PlanError where a kernel command line would not reach the kernel as written."""
    if not _CMDLINE.fullmatch(cmdline):
        raise PlanError(
            "cmdline: only printable ASCII on one line reaches a kernel through every boot loader"
        )
    for char in _FORBIDDEN_IN_CMDLINE:
        if char in cmdline:
            raise PlanError(f"cmdline: {char!r} is syntax to the U-Boot shell; leave it out")
    for word in cmdline.split():
        if word in ("&&", "||", ";") or word.startswith("#"):
            raise PlanError(
                f"cmdline: the word {word!r} is syntax to iPXE, which has no quotes; leave it out"
            )
    if cmdline.count('"') % 2:
        raise PlanError("cmdline: a double quote is not closed; GRUB cannot hand that on")
    if len(cmdline) > CMDLINE_BYTES:
        raise PlanError(f"cmdline: {len(cmdline)} characters; an arm64 kernel cuts it at {CMDLINE_BYTES}")


def _check_texts(texts: dict[str, str]) -> None:
    for name, text in texts.items():
        check_file_name(name, "texts: name")
        try:
            size = len(text.encode("utf-8"))
        except UnicodeEncodeError as exc:
            raise PlanError(f"texts: {name}: not valid Unicode at character {exc.start}") from None
        if size > TEXT_BYTES:
            raise PlanError(f"texts: {name}: {size} bytes; serve more than {TEXT_BYTES} as an asset in files")


def asset_fields(plan: BootPlan) -> dict[str, Asset]:
    """Return the assets of `plan` by the field that they are in."""
    fields = {"kernel": plan.kernel, "initrd": plan.initrd, "dtb": plan.dtb, "loader": plan.loader}
    found = {where: asset for where, asset in fields.items() if asset is not None}
    return found | {f"files[{i}]": asset for i, asset in enumerate(plan.files)}


def _check_asset(asset: Asset, where: str) -> None:
    check_file_name(asset.name, f"{where}: name")
    if asset.sha256 and not _SHA256.fullmatch(asset.sha256):
        raise PlanError(f"{where}: sha256 {asset.sha256!r}: write 64 hexadecimal digits, as sha256sum does")


def check_plan(plan: BootPlan) -> None:
    """Raise PlanError, naming the field, where the plan's words cannot be served. Opens no file."""
    check_plan_name(plan.name)
    check_cmdline(plan.cmdline)
    if plan.fdt_address and not _ADDRESS.fullmatch(plan.fdt_address):
        raise PlanError(f"fdt_address {plan.fdt_address!r}: write an address like 0x4a000000")
    seen: dict[str, str] = {}
    for where, asset in asset_fields(plan).items():
        _check_asset(asset, where)
        if asset.name in seen:
            raise PlanError(
                f"{where}: name {asset.name!r} is taken by {seen[asset.name]}; each needs its own"
            )
        seen[asset.name] = where
    if plan.then is not None:
        check_plan_name(plan.then, "then")
    _check_texts(plan.texts)
    for name in plan.texts:
        if name in seen:
            raise PlanError(f"texts: name {name!r} is taken by {seen[name]}; each needs its own")


def check_machine(machine: Machine) -> None:
    """Raise PlanError where a machine's words cannot be used; its plan's existence is not looked at."""
    if normalise_mac(machine.mac) != machine.mac:
        raise PlanError(f"mac {machine.mac!r}: write it as {normalise_mac(machine.mac)}")
    if int(machine.mac[:2], 16) & 1:
        raise PlanError(f"mac {machine.mac}: a multicast address cannot belong to a machine")
    if machine.name and not _PLAN_NAME.fullmatch(machine.name):
        raise PlanError(f"name {machine.name!r}: use 1 to 64 letters, digits, '.', '_' or '-'")
    for where, plan in (("plan", machine.plan), ("next_plan", machine.next_plan)):
        if plan is not None:
            check_plan_name(plan, where)
    _check_identity(machine)


def _check_identity(who: Machine | Selector) -> None:
    """What a machine or a selector says of UUID, serial and tags."""
    if who.uuid:
        try:
            wanted = str(UUID(who.uuid))
        except ValueError:
            wanted = "4c4c4544-0051-3610-8052-b4c04f4e3732"
        if who.uuid.lower() != wanted:
            raise PlanError(f"uuid {who.uuid!r}: write it like {wanted}")
    if who.serial and not _WORD.fullmatch(who.serial):
        raise PlanError(f"serial {who.serial!r}: use 1 to 64 letters, digits, '.', '_' or '-'")
    for tag in sorted(who.tags):
        if not _WORD.fullmatch(tag):
            raise PlanError(f"tags: {tag!r}: use 1 to 64 letters, digits, '.', '_' or '-'")


def check_rule(rule: PlanRule) -> None:
    """Raise PlanError where a rule's words cannot be used; its plan's existence is not looked at."""
    check_plan_name(rule.name, "rule name")
    check_plan_name(rule.plan, "plan")
    when = rule.when
    if when == Selector():
        raise PlanError("when: selects every machine; say which ones, or use `discovery` for unknown ones")
    if when.mac and not _MAC_PREFIX.fullmatch(when.mac):
        raise PlanError(f"when: mac {when.mac!r}: write whole bytes of an address, like b8:27:eb")
    try:
        _check_identity(when)
    except PlanError as exc:
        raise PlanError(f"when: {exc}") from None
