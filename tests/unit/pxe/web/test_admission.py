"""Who may do what: tokens, roles, cookies, other sites; and the line in the audit log."""

import json
import time

import pytest
from sqlalchemy import text

from pxe.access import Role
from pxe.web.operator import create_app
from pxe.web.operator.admission import COOKIE

API = "/api/v1"
MAC = "52:54:00:00:00:01"


@pytest.fixture
def client(service, api):
    return api(service)


@pytest.fixture
def tokens(service):
    return {role: service.tokens.add(f"the-{role}", role) for role in Role}


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


def refused(response, status, *words):
    assert response.status_code == status, response.data
    assert set(response.json) == {"error"}
    for word in words:
        assert word in response.json["error"]


def newest(service):
    return service.audit.entries(1)[0]


def test_without_tokens_this_host_is_trusted(client, service):
    assert client.get(f"{API}/plans").status_code == 200
    assert client.get(f"{API}/session").json == {"who": "anybody on this host", "role": "admin"}
    elsewhere = client.get(f"{API}/plans", environ_overrides={"REMOTE_ADDR": "10.0.0.9"})
    refused(elsewhere, 401, "bootlab token add")
    assert newest(service)["source"] == "10.0.0.9"


def test_with_a_token_on_record_everybody_over_tcp_needs_one(client, service, tokens):
    got = client.get(f"{API}/plans")
    refused(got, 401, "a token is needed", "bootlab token add")
    assert got.headers["WWW-Authenticate"] == "Bearer"
    line = newest(service)
    assert (line["who"], line["action"]) == ("nobody", f"GET {API}/plans")
    assert line["outcome"].startswith("refused: a token is needed")
    assert client.get(f"{API}/plans", headers=bearer(tokens[Role.VIEWER])).status_code == 200


def test_a_unix_socket_needs_none(client, tokens):
    local = {"REMOTE_ADDR": ""}
    assert client.get(f"{API}/tokens", environ_overrides=local).status_code == 200
    assert client.get(f"{API}/session", environ_overrides=local).json["role"] == "admin"


@pytest.mark.parametrize("secret", ["bootlab_nonsense", "x", "bootlab_\u00e9", "a" * 4000])
def test_a_wrong_token_is_401_with_a_line(client, service, tokens, secret):
    refused(client.get(f"{API}/plans", headers=bearer(secret)), 401, "no such token")
    assert "no such token" in newest(service)["outcome"]
    assert secret not in json.dumps(service.audit.entries(100))


def test_an_expired_token_is_401_and_named(client, service, tokens):
    secret = service.tokens.add("old", Role.ADMIN, 1000)
    with service.tokens._engine.begin() as db:
        db.execute(text("UPDATE tokens SET expires = :t WHERE name = 'old'"), {"t": time.time() - 1})
    refused(client.get(f"{API}/plans", headers=bearer(secret)), 401, "token old has expired")
    assert newest(service)["who"] == "old"


def test_too_low_a_role_is_403_and_says_which_is_needed(client, service, tokens):
    put = client.put(f"{API}/machines/{MAC}", json={}, headers=bearer(tokens[Role.VIEWER]))
    refused(put, 403, "needs the role operator", "the-viewer is viewer")
    assert newest(service)["who"] == "the-viewer"
    assert newest(service)["outcome"].startswith("refused")
    assert (
        client.put(f"{API}/machines/{MAC}", json={}, headers=bearer(tokens[Role.OPERATOR])).status_code == 200
    )
    refused(client.get(f"{API}/tokens", headers=bearer(tokens[Role.OPERATOR])), 403, "needs the role admin")
    assert client.get(f"{API}/tokens", headers=bearer(tokens[Role.ADMIN])).status_code == 200


def test_the_page_asks_for_a_token_and_the_description_does_not(client, tokens):
    page = client.get("/")
    assert page.status_code == 401
    assert page.mimetype == "text/html"
    assert b"<form" in page.data
    assert client.get("/openapi.json").status_code == 200


def test_tokens_come_and_go(client, service, tokens):
    admin = bearer(tokens[Role.ADMIN])
    made = client.post(f"{API}/tokens/ci", json={"role": "viewer", "seconds": 60}, headers=admin)
    assert made.status_code == 200, made.data
    assert client.get(f"{API}/plans", headers=bearer(made.json["token"])).status_code == 200
    listed = client.get(f"{API}/tokens", headers=admin)
    assert made.json["token"] not in listed.get_data(as_text=True)
    (ci,) = [t for t in listed.json["tokens"] if t["name"] == "ci"]
    assert (ci["role"], ci["expired"]) == ("viewer", False)
    assert ci["expires"] - ci["created"] == pytest.approx(60)
    refused(client.post(f"{API}/tokens/ci", json={"role": "viewer"}, headers=admin), 400, "already")
    assert client.delete(f"{API}/tokens/ci", headers=admin).status_code == 204
    refused(client.get(f"{API}/plans", headers=bearer(made.json["token"])), 401)
    refused(client.delete(f"{API}/tokens/ci", headers=admin), 404)
    lines = [line["action"] for line in service.audit.entries(10) if line["outcome"] == "done"]
    assert lines == [f"DELETE {API}/tokens/ci", f"POST {API}/tokens/ci"]
    assert made.json["token"] not in json.dumps(service.audit.entries(100))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"role": "root"},
        {"role": ["viewer"]},
        {"role": "viewer", "until": 1},
        *({"role": "viewer", "seconds": seconds} for seconds in (0, True, 1e300, "1")),
    ],
)
def test_a_bad_token_request_is_400(client, body):
    refused(client.post(f"{API}/tokens/x", json=body), 400)


def test_login(service, described, tokens):
    client = create_app(service).test_client()
    refused(client.post(f"{API}/session", json={"token": "wrong"}), 401)
    refused(client.post(f"{API}/session", json={"token": 5}), 400)
    got = client.post(f"{API}/session", json={"token": tokens[Role.OPERATOR]})
    assert got.json == {"who": "the-operator", "role": "operator"}
    cookie = got.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.get("/").status_code == 200
    change = f"{API}/machines/{MAC}/hold"
    refused(client.post(change, json={}), 403, "Origin")
    own = {"Origin": "http://localhost"}
    assert client.post(change, json={}, headers=own).status_code == 200
    assert client.post(change, json={}, headers={"X-Bootlab": "1"}).status_code == 200
    assert client.delete(f"{API}/session", headers=own).status_code == 204
    assert client.get("/").status_code == 401


def test_the_cookie_is_secure_over_tls(service, tokens):
    client = create_app(service).test_client()
    got = client.post(
        f"{API}/session", json={"token": tokens[Role.VIEWER]}, environ_overrides={"wsgi.url_scheme": "https"}
    )
    assert "Secure" in got.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_is_403(service, client, tokens, headers):
    with_cookie = {**headers, "Cookie": f"{COOKIE}={tokens[Role.ADMIN]}"}
    refused(client.post(f"{API}/machines/{MAC}/hold", json={}, headers=with_cookie), 403, "another web site")
    assert "another web site" in newest(service)["outcome"]
    assert not service.catalogue.machine(MAC).hold


def test_a_flood_of_refusals_is_counted_not_kept(client, service, tokens):
    for _ in range(200):
        client.get(f"{API}/plans", headers=bearer("guess"))
    assert 45 <= len(service.audit.entries(1000)) <= 60
