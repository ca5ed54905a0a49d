"""C08 configuration during and after boot, C09 other DNS servers, C16 who is let in."""

from collections.abc import Mapping

from lab.claims.model import Finding, Value, Verdict


def configured(during: float | None, after: tuple[float, float] | None, how: str) -> Finding:
    """C08: seconds from the power to ready where the configuration came by a URL (`during`); and to
    maintenance, and from the call to ready, where it came over the API (`after`). None: it did not work."""
    ways = [way for way in (during, after) if way is not None]
    values = [] if during is None else [Value("power to ready, configured while booting", during, "s")]
    if after is not None:
        values += [Value("power to maintenance", after[0], "s"), Value("call to ready", after[1], "s")]
    said = [] if during is None else [f"By its boot argument: ready {during:.1f} s after the power."]
    if after is not None:
        said.append(
            f"Over the API: in maintenance after {after[0]:.1f} s, ready {after[1]:.1f} s after the call."
        )
    return Finding(
        claim="C08",
        verdict=Verdict.HOLDS if len(ways) == 2 else Verdict.PARTLY if ways else Verdict.FAILS,
        sentence=" ".join(said) or "Neither way worked.",
        values=tuple(values),
        method=how,
    )


def dns(
    change: float, asked: float | None, servers: tuple[str, ...], how: str, done: str = "One call"
) -> Finding:
    """C09: seconds until the node told of its new resolvers, and until it asked one (None: it never did).
    `done` is what it took."""
    return Finding(
        claim="C09",
        verdict=Verdict.PARTLY if asked is None else Verdict.HOLDS,
        sentence=f"{done}; the node told of its new resolvers ({', '.join(servers)}) after {change:.2f} s"
        + (
            " and never asked them."
            if asked is None
            else f", and the new server heard it after {asked:.2f} s."
        ),
        values=(
            Value("until the node tells", change, "s"),
            *((Value("until the server is asked", asked, "s"),) if asked is not None else ()),
        ),
        method=how,
    )


def let_in(checks: Mapping[str, tuple[bool, str]], how: str) -> Finding:
    """C16: what was tried -> (whether it went as it should, what was said)."""
    wrong = [name for name, (good, _) in checks.items() if not good]
    return Finding(
        claim="C16",
        verdict=Verdict.HOLDS if not wrong else Verdict.FAILS,
        sentence=f"{len(checks) - len(wrong)} of {len(checks)} checks went as they should"
        + (f"; not so: {', '.join(wrong)}." if wrong else "."),
        values=(Value("checks", len(checks)), Value("as they should", len(checks) - len(wrong))),
        method=how,
        evidence=tuple(f"{name}: {said[:140]}" for name, (_, said) in checks.items()),
    )
