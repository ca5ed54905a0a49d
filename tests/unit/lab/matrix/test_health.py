import pytest

from lab.matrix.health import Check, Health, judge
from lab.model import BootRecord, Cause, Failure, Milestone, Source, Timeline

ALL = [check.value for check in Check]


def boot(cause: Cause | None, *milestones: str) -> BootRecord:
    stones = tuple(Milestone(name, 1000 + n, Source.CONSOLE) for n, name in enumerate(milestones))
    return BootRecord(
        run_id="r", index=0, place="p", board_type="b", image="i", method="firmware", started_at="",
        timeline=Timeline(t0_ns=1, milestones=stones), ready=cause is None,
        failure=None if cause is None else Failure(cause, "so it was"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cause", "milestones", "fault"),
    [
        (None, ("u-boot", "dhcp-discover", "up"), ""),
        (Cause.NO_POWER, (), "power"),
        (Cause.BOARD_GONE, ("u-boot",), "power"),
        (Cause.NO_CONSOLE, (), "console"),
        (Cause.NO_BOOTLOADER, (), "console"),
        (Cause.NO_DHCP, ("u-boot", "dhcp-discover"), "network"),
        (Cause.NOT_READY, ("u-boot",), "network"),  # it never asked: the cable
        (Cause.LOADER_CRASHED, ("u-boot",), "golden boot"),
        (Cause.KERNEL_PANIC, ("u-boot", "dhcp-discover"), "golden boot"),
    ],
)
def test_the_first_step_that_is_not_well(cause, milestones, fault):
    health = Health(steps=judge(boot(cause, *milestones), golden=True))
    assert health.fault == (f"{fault}: so it was" if fault else "")
    assert list(health.steps) == (ALL[: ALL.index(fault) + 1] if fault else ALL)


def test_without_a_golden_image_a_bad_image_is_no_sick_place():
    steps = judge(boot(Cause.KERNEL_PANIC, "u-boot", "dhcp-discover"), golden=False)
    assert steps == dict.fromkeys(ALL[:-1], "")
    assert Health(steps=judge(boot(Cause.NO_CONSOLE), golden=False)).fault == "console: so it was"
