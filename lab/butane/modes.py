"""The usual slip with file modes: 644 written for 0644."""

_MOST = 7777


def probably_decimal(mode: int, *, folder: bool) -> bool:
    """Whether a mode makes no sense as the number that it is, and would with its digits read as octal."""
    digits = str(mode)
    if not 0 <= mode <= _MOST or set(digits) & {"8", "9"}:
        return False
    return not _usual(mode, folder) and _usual(int(digits, 8), folder)


def _usual(mode: int, folder: bool) -> bool:
    """Whether somebody would set this mode: nobody may do what a closer one (owner, group) may not."""
    if mode == 0:
        return True
    may = 0
    for shift in (0, 3, 6):
        bits = mode >> shift & 7
        if may & ~bits or (bits & 3 and not bits & 4):
            return False
        if bits & 1 and may & 4 and not may & 1:  # read alone below read and execute: rwxr-----
            return False
        may |= bits
    return bool(may & 4) and (_usual_folder(mode, may) if folder else _usual_file(mode, may))


def _usual_folder(mode: int, may: int) -> bool:
    return bool(may & 1) and not mode & 0o4000 and not (mode & 0o3000 and not may & 2)


def _usual_file(mode: int, may: int) -> bool:
    return not mode & 0o1000 and not (mode & 0o6000 and (not may & 1 or mode & 2))
