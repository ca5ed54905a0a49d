"""Who may fetch a machine's configs: one-time tokens in URLs. A pure table; time is an argument.

A token is for one boot of one machine at one address, and has an end. A boot begins where the firmware's
own DHCP exchange was seen; for a machine that never does DHCP with us, with its first TFTP request after the
last boot's configs were fetched. The next script that is rendered after it gets a new token, which ends the
older one's life; until then every rendering gets the same token, because a boot renders its script several
times. An exchange alone ends no token: firmware, iPXE and kernel each do DHCP in one boot, and U-Boot up to
three times, but whoever does it before the script fetches the script after it.

A secret config is delivered once for each name and boot, with repeats for GRACE_SECONDS, because installers
fetch one file twice. Without an exchange in the last WITNESS_SECONDS a token opens no secrets at all.

Only digests of tokens are given out to be stored. The text of a token is known to the process that minted it;
after a restart the stored tokens stay good, and a script rendered anew gets one more for the same boot.
"""

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from pxe.errors import RefusalReason, RequestRefused

TOKEN_BYTES = 24  # 192 bits
TOKEN_SECONDS = 4 * 3600.0  # Talos asks for its config for three hours before it gives up
GRACE_SECONDS = 300.0
WITNESS_SECONDS = 3600.0
CAPACITY = 4096  # machines
_PER_GRANT = 8  # tokens of one boot, each after another restart of ours
# After c/, or alone as a part of a path (a client that took `//c/TOKEN/` for a host): 32 of its alphabet
_TOKEN = re.compile(
    r"(?:(^|[/\\])c[/\\]+[A-Za-z0-9_-]{20,})|"
    r"((?:^|[/\\])(?=[^/\\?]*[A-Z])(?=[^/\\?]*[a-z])[A-Za-z0-9_-]{32})(?=$|[/\\?])"
)
_STEPPED_BACK = 60.0  # seconds by which the wall clock may step back before stored tokens are void


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One boot's permission. Times in seconds since 1970; `used`: name -> when it was delivered first."""

    boot: str  # tells it from every other
    mac: str
    address: IPv4Address
    plan: str
    minted: float
    witnessed: bool
    digests: tuple[str, ...]
    used: dict[str, float] = field(default_factory=dict)

    @property
    def ends(self) -> float:
        """When it is over."""
        return self.minted + TOKEN_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The newest exchange of a machine that began a boot; `fresh`: no script was rendered since."""

    at: float
    dhcp: bool
    fresh: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What must be stored of a machine; nothing where both are None."""

    mac: str
    seen: Seen | None = None
    grant: Grant | None = None


def redacted(name: str) -> str:
    """Return a name that somebody asked for without the token that may be in it, for logs and events."""
    return _TOKEN.sub(lambda found: f"{found[1]}c/-" if found[2] is None else "/-", name)


def digest_of(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class Tokens:
    """The table. Not safe for threads; `take_changes` after each call that changes something."""

    def __init__(self, records: Iterable[Record] = (), now: float = 0.0) -> None:
        """Begin with what was stored. What ended meanwhile, or lies in the future of a clock that stepped
        back, is left out."""
        self._seen: OrderedDict[str, Seen] = OrderedDict()  # the oldest first
        self._grants: OrderedDict[str, Grant] = OrderedDict()  # the one minted longest ago first
        self._by_digest: dict[str, str] = {}  # digest -> mac
        self._texts: dict[str, str] = {}  # mac -> its newest token; never stored
        self._changed: set[str] = set()
        stored = sorted(records, key=lambda r: r.grant.minted if r.grant else 0.0)
        for record in stored:
            if record.seen is not None and record.seen.at <= now + _STEPPED_BACK:
                self._seen[record.mac] = record.seen
            grant = record.grant
            if grant is not None and grant.minted <= now + _STEPPED_BACK and now < grant.ends:
                self._put(grant)
        self._changed = {record.mac for record in stored if record != self._record(record.mac)}

    def boot_began(self, mac: str, now: float) -> None:
        """The firmware of a machine does DHCP: what is rendered from now on is another boot's."""
        self._see(mac, Seen(at=now, dhcp=True))

    def tftp_seen(self, mac: str, now: float) -> None:
        """A machine asks for something by TFTP. It counts only where its firmware does no DHCP with us: else
        any program on a running machine could begin a boot."""
        seen = self._seen.get(mac)
        if seen is not None and seen.dhcp and now - seen.at <= TOKEN_SECONDS:
            return
        grant = self._grants.get(mac)
        if grant is not None and grant.witnessed and not grant.used and now < grant.ends:
            return  # the same boot, still
        self._see(mac, Seen(at=now, dhcp=False))

    def moved(self, mac: str, address: IPv4Address, now: float) -> None:
        """The machine's own DHCP exchange gave it `address`: its token is good there, and nowhere else.

        Beside another DHCP server the kernel often gets another address than its firmware.
        """
        grant = self._grants.get(mac)
        if grant is not None and now < grant.ends and grant.address != address:
            self._put(replace(grant, address=address))

    def url_path(self, mac: str, address: IPv4Address, now: float, plan: str = "") -> str:
        """Return `c/<token>/`, below which the configs of `plan` are for the machine `mac` at `address`."""
        grant, seen = self._grants.get(mac), self._seen.get(mac)
        if (
            grant is None
            or now >= grant.ends
            or (grant.address, grant.plan) != (address, plan)
            or (seen is not None and seen.fresh)
        ):
            grant = self._new(mac, address, plan, now)
        elif mac in self._texts:
            return f"c/{self._texts[mac]}/"
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._put(replace(grant, digests=(*grant.digests, digest_of(token))[-_PER_GRANT:]))
        self._texts[mac] = token
        while len(self._grants) > CAPACITY:
            self._drop(next(iter(self._grants)))
        return f"c/{token}/"

    def redeem(self, token: str, address: IPv4Address, now: float) -> Grant:
        """Return what `token` permits. Raises RequestRefused: unknown, over, or from another address."""
        digest = digest_of(token)
        grant = self._grants.get(self._by_digest.get(digest, ""))
        if grant is None or not any([hmac.compare_digest(digest, known) for known in grant.digests]):
            raise RequestRefused(
                RefusalReason.NOT_FOUND, "no such token; a newer boot of its machine ends one"
            )
        if now >= grant.ends:
            raise RequestRefused(RefusalReason.FORBIDDEN, "the token is over; boot the machine again")
        if address != grant.address:
            raise RequestRefused(RefusalReason.FORBIDDEN, "the token is for a machine at another address")
        return grant

    def check_secret(self, grant: Grant, name: str, now: float) -> None:
        """Raise RequestRefused where the secret config `name` may not be delivered (again)."""
        if not grant.witnessed:
            raise RequestRefused(
                RefusalReason.FORBIDDEN,
                "a secret: it needs the machine's own DHCP or TFTP exchange with us, and none was seen",
            )
        first = self.current(grant).used.get(name)
        if first is not None and now > first + GRACE_SECONDS:
            raise RequestRefused(
                RefusalReason.FORBIDDEN,
                "a secret that was delivered in this boot already; boot the machine again",
            )

    def delivered(self, grant: Grant, name: str, now: float) -> None:
        """Note that the whole of `name` went out. The first time counts."""
        newest = self.current(grant)
        if name not in newest.used and self._grants.get(grant.mac) is newest:  # else another boot began
            self._put(replace(newest, used={**newest.used, name: now}))

    def current(self, grant: Grant) -> Grant:
        """Return the same boot's grant as it is by now; the given one where it is gone."""
        newest = self._grants.get(grant.mac)
        return newest if newest is not None and newest.boot == grant.boot else grant

    def take_changes(self) -> list[Record]:
        """Return what must be stored, and forget that it must."""
        changed, self._changed = self._changed, set()
        return [self._record(mac) for mac in sorted(changed)]

    def put_back(self, records: Iterable[Record]) -> None:
        """These could not be stored: they still must."""
        self._changed.update(record.mac for record in records)

    def __len__(self) -> int:
        return len(self._grants)

    def _new(self, mac: str, address: IPv4Address, plan: str, now: float) -> Grant:
        """A new boot's grant, still without a token."""
        seen = self._seen.get(mac)
        if seen is not None and seen.fresh:
            self._seen[mac] = replace(seen, fresh=False)
        return Grant(
            boot=secrets.token_hex(8),
            mac=mac,
            address=address,
            plan=plan,
            minted=now,
            witnessed=seen is not None and now - seen.at <= WITNESS_SECONDS,
            digests=(),
        )

    def _record(self, mac: str) -> Record:
        return Record(mac=mac, seen=self._seen.get(mac), grant=self._grants.get(mac))

    def _see(self, mac: str, seen: Seen) -> None:
        self._seen[mac] = seen
        self._seen.move_to_end(mac)
        self._changed.add(mac)
        if len(self._seen) > CAPACITY:
            gone, _ = self._seen.popitem(last=False)
            self._changed.add(gone)

    def _put(self, grant: Grant) -> None:
        known = self._grants.get(grant.mac)
        if known is None or known.boot != grant.boot:
            self._drop(grant.mac)
        self._grants[grant.mac] = grant  # its place in the order is that of its minting
        for digest in known.digests if known is not None else ():
            self._by_digest.pop(digest, None)
        self._by_digest.update(dict.fromkeys(grant.digests, grant.mac))
        self._changed.add(grant.mac)

    def _drop(self, mac: str) -> None:
        grant = self._grants.pop(mac, None)
        self._texts.pop(mac, None)
        for digest in grant.digests if grant is not None else ():
            self._by_digest.pop(digest, None)
        self._changed.add(mac)
