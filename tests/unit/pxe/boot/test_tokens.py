"""The table of tokens: examples of what boots do, and a state machine that knows only who asked when."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pxe.boot import tokens as module
from pxe.boot.tokens import GRACE_SECONDS, TOKEN_SECONDS, WITNESS_SECONDS, Tokens, redacted
from pxe.errors import RefusalReason, RequestRefused

MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"
HERE, THERE = IPv4Address("10.99.0.5"), IPv4Address("10.99.0.6")


def token_of(path):
    folder, token, nothing = path.split("/")
    assert (folder, nothing) == ("c", "")
    return token


def refusal(call, *arguments):
    with pytest.raises(RequestRefused) as caught:
        call(*arguments)
    return caught.value


@pytest.fixture
def table():
    return Tokens()


def test_a_boot_from_firmware_to_config(table):
    # PXE ROM, iPXE, script; kernel's own DHCP is no firmware's, so nothing is told to the table
    table.boot_began(MAC, 0)
    table.boot_began(MAC, 5)
    token = token_of(table.url_path(MAC, HERE, 6, "p"))
    assert token_of(table.url_path(MAC, HERE, 7, "p")) == token, "each rendering of a boot says the same"
    grant = table.redeem(token, HERE, 30)
    assert (grant.mac, grant.plan, grant.witnessed) == (MAC, "p", True)
    table.check_secret(grant, "user-data", 30)
    table.delivered(grant, "user-data", 30)
    table.check_secret(grant, "user-data", 30 + GRACE_SECONDS)  # some installers fetch twice
    assert (
        refusal(table.check_secret, grant, "user-data", 31 + GRACE_SECONDS).reason is RefusalReason.FORBIDDEN
    )
    table.check_secret(grant, "meta-data", 31 + GRACE_SECONDS)  # each name by itself


def test_a_token_has_at_least_128_bits(table):
    seen = set()
    for number in range(100):
        table.boot_began(MAC, number)
        seen.add(token_of(table.url_path(MAC, HERE, number)))
    assert len(seen) == 100
    assert module.TOKEN_BYTES * 8 >= 128
    assert {len(token) for token in seen} == {32}


def test_the_next_boot_ends_the_token_with_its_script_and_not_with_its_dhcp(table):
    table.boot_began(MAC, 0)
    first = token_of(table.url_path(MAC, HERE, 1))
    table.boot_began(MAC, 2)  # U-Boot does DHCP again for the next method; its script may still be in use
    assert table.redeem(first, HERE, 3).mac == MAC
    second = token_of(table.url_path(MAC, HERE, 4))
    assert second != first
    assert refusal(table.redeem, first, HERE, 5).reason is RefusalReason.NOT_FOUND
    table.check_secret(table.redeem(second, HERE, 5), "x", 5)


def test_a_program_on_the_running_machine_opens_no_second_boot(table):
    table.boot_began(MAC, 0)
    token = token_of(table.url_path(MAC, HERE, 1))
    table.delivered(table.redeem(token, HERE, 2), "secret", 2)
    table.tftp_seen(MAC, 1000)  # anybody on it may speak TFTP
    again = token_of(table.url_path(MAC, HERE, 1001))
    assert again == token
    assert refusal(table.check_secret, table.redeem(again, HERE, 1002), "secret", 1002)


def test_a_board_that_never_does_dhcp_boots_again_by_tftp(table):
    table.tftp_seen(MAC, 0)
    first = token_of(table.url_path(MAC, HERE, 0))
    table.tftp_seen(MAC, 1)  # the kernel; not a new boot
    assert token_of(table.url_path(MAC, HERE, 1)) == first
    table.delivered(table.redeem(first, HERE, 2), "secret", 2)
    table.tftp_seen(MAC, 900)
    second = token_of(table.url_path(MAC, HERE, 900))
    assert second != first
    table.check_secret(table.redeem(second, HERE, 901), "secret", 901)


def test_without_an_exchange_a_token_opens_no_secret(table):
    unseen = table.redeem(token_of(table.url_path(MAC, HERE, 0)), HERE, 0)
    assert "none was seen" in str(refusal(table.check_secret, unseen, "secret", 0))
    table.boot_began(OTHER, 0)
    late = table.url_path(OTHER, THERE, WITNESS_SECONDS + 1)
    grant = table.redeem(token_of(late), THERE, WITNESS_SECONDS + 1)
    assert refusal(table.check_secret, grant, "secret", WITNESS_SECONDS + 1)


def test_bound_to_its_address_and_dhcp_may_move_it(table):
    table.boot_began(MAC, 0)
    token = token_of(table.url_path(MAC, HERE, 0))
    assert refusal(table.redeem, token, THERE, 1).reason is RefusalReason.FORBIDDEN
    table.moved(MAC, THERE, 2)
    assert table.redeem(token, THERE, 3).mac == MAC
    assert refusal(table.redeem, token, HERE, 3).reason is RefusalReason.FORBIDDEN


def test_another_address_or_plan_is_another_boot(table):
    table.boot_began(MAC, 0)
    token = token_of(table.url_path(MAC, HERE, 0, "p"))
    assert token_of(table.url_path(MAC, HERE, 0, "q")) != token
    assert refusal(table.redeem, token, HERE, 1).reason is RefusalReason.NOT_FOUND


def test_it_ends(table):
    token = token_of(table.url_path(MAC, HERE, 0))
    table.redeem(token, HERE, TOKEN_SECONDS - 1)
    assert refusal(table.redeem, token, HERE, TOKEN_SECONDS).reason is RefusalReason.FORBIDDEN
    assert token_of(table.url_path(MAC, HERE, TOKEN_SECONDS)) != token


@pytest.mark.parametrize("guess", ["", "x", "\udcff", "a" * 5000, "../", "0" * 64])
def test_guesses(table, guess):
    table.url_path(MAC, HERE, 0)
    assert refusal(table.redeem, guess, HERE, 0).reason is RefusalReason.NOT_FOUND


def stored(table, kept):
    kept.update({record.mac: record for record in table.take_changes()})
    return [record for record in kept.values() if record.seen or record.grant]


def test_a_restart_in_the_middle_of_a_boot(table):
    kept = {}
    table.boot_began(MAC, 0)
    token = token_of(table.url_path(MAC, HERE, 1))
    table.delivered(table.redeem(token, HERE, 2), "first", 2)
    reborn = Tokens(stored(table, kept), 3)
    assert not any(token in repr(record) for record in kept.values()), "only digests are stored"
    grant = reborn.redeem(token, HERE, 400)
    reborn.check_secret(grant, "second", 400)
    assert refusal(reborn.check_secret, grant, "first", 400)
    more = token_of(reborn.url_path(MAC, HERE, 401))  # the script is rendered again: one more, same boot
    assert more != token
    assert refusal(reborn.check_secret, reborn.redeem(more, HERE, 402), "first", 402)
    assert reborn.redeem(token, HERE, 402).boot == grant.boot


def test_a_restart_between_dhcp_and_script(table):
    kept = {}
    table.boot_began(MAC, 0)
    first = token_of(table.url_path(MAC, HERE, 1))
    table.delivered(table.redeem(first, HERE, 2), "secret", 2)
    table.boot_began(MAC, 1000)
    reborn = Tokens(stored(table, kept), 1001)
    again = token_of(reborn.url_path(MAC, HERE, 1002))
    reborn.check_secret(reborn.redeem(again, HERE, 1003), "secret", 1003)
    assert refusal(reborn.redeem, first, HERE, 1003).reason is RefusalReason.NOT_FOUND


def test_a_clock_that_stepped_back_ends_stored_tokens(table):
    table.url_path(MAC, HERE, 1_000_000)
    assert len(Tokens(table.take_changes(), 900_000)) == 0


def test_a_delivery_of_the_last_boot_uses_nothing_of_this_one(table):
    table.boot_began(MAC, 0)
    old = table.redeem(token_of(table.url_path(MAC, HERE, 0)), HERE, 0)
    table.boot_began(MAC, 1)
    new = table.redeem(token_of(table.url_path(MAC, HERE, 1)), HERE, 1)
    table.delivered(old, "secret", 2)
    assert table.current(new).used == {}


def test_bounded(table, monkeypatch):
    monkeypatch.setattr(module, "CAPACITY", 10)
    for number in range(100):
        table.boot_began(f"52:54:00:00:01:{number:02x}", number)
        table.url_path(f"52:54:00:00:01:{number:02x}", HERE, number)
    assert len(table) == 10
    assert Tokens(stored(table, {}), 100).take_changes() == []
    assert len(table._by_digest) == len(table._texts) == len(table._seen) == 10


def test_what_could_not_be_stored_comes_again(table):
    table.url_path(MAC, HERE, 0)
    changes = table.take_changes()
    assert changes
    assert table.take_changes() == []
    table.put_back(changes)
    assert table.take_changes() == changes


def test_tokens_leave_no_trace_in_names(table):
    token = token_of(table.url_path(MAC, HERE, 0))
    for name in (
        f"c/{token}/x",
        f"/c/{token}",
        f"//c//{token}/y",
        f"\\c\\{token}\\x",
        f"a/c/{token}?u=1",
        f"{token}/x",
    ):
        assert token not in redacted(name), name
    for name in ("firmware/c/x.bin", "d41d8cd98f00b204e9800998ecf8427e/start4.elf", "pxelinux.cfg/default"):
        assert redacted(name) == name


class Boots(RuleBasedStateMachine):
    """Machines boot, we restart, others ask: a token works for its machine's address, in its time, or not."""

    macs = st.sampled_from([MAC, OTHER])
    addresses = st.sampled_from([HERE, THERE])

    def __init__(self):
        super().__init__()
        self.table, self.now, self.kept = Tokens(), 0.0, {}
        self.minted = {}  # token -> (mac, end)
        self.bound = {}  # mac -> address, of its newest token
        self.newest = {}  # mac -> tokens of the newest boot
        self.fresh = set()
        self.used = {}  # mac -> when the secret went out in this boot

    @rule(seconds=st.sampled_from([0.0, 1.0, 200.0, 4000.0, TOKEN_SECONDS]))
    def wait(self, seconds):
        self.now += seconds

    @rule(mac=macs)
    def dhcp(self, mac):
        self.table.boot_began(mac, self.now)
        self.fresh.add(mac)

    @rule(mac=macs, address=addresses)
    def render(self, mac, address):
        before = self.newest.get(mac, ())
        token = token_of(self.table.url_path(mac, address, self.now))
        over = any(self.now >= self.minted[t][1] for t in before)
        same = before and mac not in self.fresh and self.bound[mac] == address and not over
        if token not in self.minted:
            end = self.minted[before[0]][1] if same else self.now + TOKEN_SECONDS
            self.minted[token] = (mac, end)
        if not same:
            assert token not in before
            self.newest[mac], self.used = [token], {m: t for m, t in self.used.items() if m != mac}
        elif token not in before:
            self.newest[mac].append(token)
        self.fresh.discard(mac)
        self.bound[mac] = address

    @rule(mac=macs, address=addresses)
    def ack(self, mac, address):
        self.table.moved(mac, address, self.now)
        if mac in self.bound and self.now < self.minted[self.newest[mac][0]][1]:
            self.bound[mac] = address

    @rule(mac=macs)
    def fetch(self, mac):
        if mac not in self.bound:
            return
        try:
            grant = self.table.redeem(self.newest[mac][-1], self.bound[mac], self.now)
            self.table.check_secret(grant, "secret", self.now)
        except RequestRefused:
            return
        first = self.used.setdefault(mac, self.now)
        assert self.now <= first + GRACE_SECONDS
        self.table.delivered(grant, "secret", self.now)

    @rule()
    def restart(self):
        self.table = Tokens(stored(self.table, self.kept), self.now)

    @invariant()
    def only_where_and_while_it_may(self):
        for token, (mac, end) in self.minted.items():
            for address in (HERE, THERE):
                try:
                    grant = self.table.redeem(token, address, self.now)
                except RequestRefused:
                    continue
                assert grant.mac == mac
                assert address == self.bound[mac]
                assert self.now < end
                assert token in self.newest[mac]

    @invariant()
    def the_newest_is_good(self):
        for mac, tokens in self.newest.items():
            if self.now < self.minted[tokens[-1]][1]:
                assert self.table.redeem(tokens[-1], self.bound[mac], self.now).mac == mac


Boots.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestBoots = Boots.TestCase


def test_records_of_one_boot_are_equal_after_replacement(table):
    table.url_path(MAC, HERE, 0)
    (record,) = table.take_changes()
    again = Tokens([record], 0)
    again.url_path(MAC, HERE, 0)
    (newer,) = again.take_changes()
    assert replace(newer.grant, digests=()) == replace(record.grant, digests=())
    assert newer.grant.digests[0] == record.grant.digests[0]
