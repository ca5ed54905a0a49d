"""The noun rollouts: told, listed, bounded; nothing malformed is kept."""

import pytest

API = "/api/v1"
BODY = {
    "phase": "running",
    "reason": "",
    "began": 1.5,
    "step": 1,
    "steps": 3,
    "nodes": 12,
    "counts": {"waiting": 11, "failed": 1},
    "failed": [{"node": "web1", "state": "failed", "cause": "no route to host"}],
}


@pytest.fixture
def client(service, api):
    return api(service)


def test_what_is_told_is_listed_the_newest_last(client):
    for name in ("a", "b", "a"):
        assert client.put(f"{API}/rollouts/{name}", json=BODY).status_code == 200
    assert [told["name"] for told in client.get(f"{API}/rollouts").json["rollouts"]] == ["b", "a"]
    assert client.get(f"{API}/rollouts/a").json == {"name": "a", **BODY}
    assert client.get(f"{API}/rollouts/c").status_code == 404


def test_the_oldest_make_room(client):
    for number in range(25):
        client.put(f"{API}/rollouts/r{number}", json=BODY)
    names = [told["name"] for told in client.get(f"{API}/rollouts").json["rollouts"]]
    assert names == [f"r{number}" for number in range(5, 25)]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"phase": "lost"}, "phase"),
        ({"nodes": -1}, "nodes"),
        ({"counts": {"done": "1"}}, "counts.done"),
        ({"failed": [{"node": "x"}]}, "failed.0.state"),
        ({"reason": "x" * 2001}, "reason"),
    ],
)
def test_what_is_malformed_is_refused_with_its_field(client, change, where):
    answer = client.put(f"{API}/rollouts/a", json=BODY | change)
    assert answer.status_code == 400
    assert answer.json["error"].startswith(f"{where}: ")
    assert client.get(f"{API}/rollouts").json == {"rollouts": []}
