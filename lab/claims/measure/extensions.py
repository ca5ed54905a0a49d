"""C12: from the power until an extension of the system is there."""

from lab.claims.model import Finding, Value, Verdict


def extension(ready: float, usable: float, size: int, how: str) -> Finding:
    """`ready`: seconds from the power until the system was, `usable`: from the request for the extension of
    `size` bytes until a program of it ran."""
    return Finding(
        claim="C12",
        verdict=Verdict.FAILS,
        sentence=f"Not in the image: {usable:.1f} s after the running system asked for it a program "
        f"of it ran, {ready + usable:.1f} s after the power. It is {size / 1e6:.1f} MB.",
        values=(
            Value("power to usable", ready + usable, "s"),
            Value("request to usable", usable, "s"),
            Value("size", size, "B"),
        ),
        method=how,
    )
