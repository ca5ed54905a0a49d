from pxe.web.refusals import BURST, Refusals


def test_a_burst_then_one_a_second_with_the_number_left_out():
    seen, now = [], [0]
    refusals = Refusals(seen.append, lambda: now[0])
    for _ in range(BURST + 20):
        refusals.note(mac=None, name="n" * 500, peer="10.99.0.9:1", reason="no such token")
    assert len(seen) == BURST
    assert {len(event.name) for event in seen} == {120}
    now[0] = 1_000_000_000
    refusals.note(mac=None, name="x", peer="10.99.0.9:1", reason="no such token")
    refusals.note(mac=None, name="y", peer="10.99.0.9:1", reason="no such token")
    assert [(event.name, event.unsaid) for event in seen[BURST:]] == [("x", 20)]
    now[0] = 3_000_000_000
    refusals.note(mac=None, name="z", peer="10.99.0.9:1", reason="no such token")
    assert seen[-1].unsaid == 1
