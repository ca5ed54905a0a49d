"""Results over HTTP: each answer is what /openapi.json says, and no file but those of runs and nights."""

import json
from dataclasses import replace

import pytest

from lab.browse.answers import Answers
from lab.browse.library import Missing
from lab.testing.madenights import Made, make
from pxe.access import Role
from pxe.errors import ServiceError
from pxe.plan_store import Unknown
from pxe.web.operator.results.files import POLICY
from pxe.web.watch import Told

BASE = {"base_url": "http://127.0.0.1"}


class Here:
    """Answers in this process."""

    def __init__(self, folder, index):
        self.folder, self.broken, self.read = folder, False, 0
        self._answers = Answers(folder, index, self._count)
        self._answers.look()

    def _count(self, number):
        self.read = number

    def warm(self):
        pass

    def version(self):
        return self.read

    def ask(self, question, **given):
        if self.broken:
            raise ServiceError("the results cannot be read at the moment")
        try:
            return self._answers.ask(question, given)
        except Missing as exc:
            raise Unknown(str(exc)) from None

    def close(self):
        self._answers.close()


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured")
    make(folder / "r", Made(nights=2, boots=4))
    (folder / "secret.json").write_text('"secret"')
    found = Here(folder / "r", folder / "index.sqlite")
    run = next(iter((folder / "r").glob("2026-11-02/*")))
    (run / "report.html").write_text("<script>fetch('/api/v1/tokens')</script>")
    (run / "link.json").symlink_to(folder / "secret.json")
    (run / "folder.json").mkdir()
    (run / "odd.sqlite").write_text("")
    (run / ".hidden.json").write_text("{}")
    yield found
    found.close()


@pytest.fixture
def client(api, service, here):
    here.broken = False
    return api(replace(service, results=here))


def test_everything_is_as_it_is_described(client):
    get = lambda path: client.get(f"/api/v1/{path}", **BASE)  # noqa: E731
    found = get("runs?limit=3").json
    run = found["runs"][0]["run"]
    assert get(f"runs?limit=3&before={found['next']}").json["runs"][0]["run"] < run
    assert get("runs?place=pc&image=refos&suite=boot&board_type=pc-bios").json["runs"]
    one = f"runs/{run}"
    boots = (f"{one}/boots?limit=1&after=1&state=ready", f"{one}/boots/1", f"{one}/boots/1/console")
    cell = "place=pi-4&image=refos&suite=boot"
    whole = (
        "running",
        "systems",
        "updates",
        "nights?limit=1",
        "nights/latest",
        "trends?limit=2",
        f"trends?{cell}&stage=all",
    )
    for path in (one, *boots, *whole):
        assert get(path).status_code == 200, path
    assert get("nights/latest").json["cells"][0]["place"] == "qemu1"


WRONG = {
    400: "runs?limit=0 runs?colour=red runs/x/boots?state=odd nights?limit=a trends?stage=all "
    "trends?after=-1",
    404: "runs/x runs/..%2f.. runs/x/boots runs/x/boots/1 nights/x trends?place=x runs/%00 "
    "runs/x/boots/99999999999999999999999 runs/x/boots/1/console",
}


@pytest.mark.parametrize("status", WRONG)
def test_what_is_wrong_or_not_there_is_said(client, status):
    for path in WRONG[status].split():
        answer = client.get(f"/api/v1/{path}", **BASE)
        assert (answer.status_code, list(answer.json)) == (status, ["error"]), path


def test_an_answer_that_is_known_is_not_sent_again(client):
    first = client.get("/api/v1/nights", **BASE)
    again = client.get("/api/v1/nights", headers={"If-None-Match": first.headers["ETag"]}, **BASE)
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    other = client.get("/api/v1/nights", headers={"If-None-Match": '"other"'}, **BASE)
    assert other.json == first.json


def test_a_viewer_may_read_and_nobody_else(client, service):
    secret = service.tokens.add("eve", Role.VIEWER)
    for path in ("runs", "nights", "trends", "systems", "updates", "running", "results/x/y.json"):
        assert client.get(f"/api/v1/{path}", **BASE).status_code == 401
        headers = {"Authorization": f"Bearer {secret}"}
        assert client.get(f"/api/v1/{path}", headers=headers, **BASE).status_code in (200, 404)


def test_a_person_who_follows_a_link_is_asked_to_log_in_and_a_program_is_told(client, service):
    service.tokens.add("eve", Role.VIEWER)
    browser = client.get("/api/v1/runs", headers={"Sec-Fetch-Mode": "navigate"}, **BASE)
    assert (browser.status_code, browser.mimetype) == (401, "text/html")
    assert client.get("/api/v1/runs", **BASE).mimetype == "application/json"


def test_without_a_reader_and_with_one_that_is_away(client, here, api, service):
    here.broken = True
    assert client.get("/api/v1/runs", **BASE).status_code == 503
    assert client.get("/api/v1/trends", **BASE).status_code == 503
    none = api(service)
    for path in ("runs", "nights/latest", "results/2026-11-02/x/run.json"):
        assert "no results" in none.get(f"/api/v1/{path}", **BASE).json["error"]


def test_a_file_whole_in_part_and_not_again(client, here):
    run = client.get("/api/v1/runs?limit=1", **BASE).json["runs"][0]["folder"]
    path = f"/api/v1/results/{run}/boots.jsonl"
    whole = client.get(path, **BASE)
    assert whole.data == (here.folder / run / "boots.jsonl").read_bytes()
    part = client.get(path, headers={"Range": "bytes=1-4"}, **BASE)
    assert (part.status_code, part.data) == (206, whole.data[1:5])
    assert client.get(path, headers={"Range": "bytes=99999999-"}, **BASE).status_code == 416
    again = client.get(path, headers={"If-None-Match": whole.headers["ETag"]}, **BASE)
    assert (again.status_code, again.data) == (304, b"")
    assert json.loads(client.get(f"/api/v1/results/{run}/run.json", **BASE).data)["schema"] == 1


def test_a_page_of_the_results_folder_has_no_origin(client, here):
    (page,) = here.folder.glob("*/*/report.html")
    answer = client.get(f"/api/v1/results/{page.relative_to(here.folder)}", **BASE)
    assert answer.mimetype == "text/html"
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "allow-same-origin" not in POLICY
    assert POLICY.startswith("sandbox ")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_other_file_is_sent(client, here):
    (page,) = here.folder.glob("*/*/report.html")
    run = page.parent.relative_to(here.folder).as_posix()
    named = ("link.json", "folder.json", ".hidden.json", "odd.sqlite", "none.json", "", "run.json%00")
    inside = (*named, "../../../secret.json", "run.json/x.json")
    outside = ("../secret.json", "%2e%2e/secret.json", "..%2fsecret.json", "/etc/passwd", "//etc/passwd")
    names = [
        *(f"{run}/{name}" for name in inside),
        *outside,
        "places.json",
        "nights",
        "2026-11-02",
        "a" * 5000,
    ]
    for name in names:
        answer = client.get(f"/api/v1/results/{name}", **BASE)
        assert (answer.status_code, b'secret"' in answer.data) == (404, False), name


def test_the_stream_says_that_results_are_new(service, here):
    from pxe.web.watch import Watch

    numbers = iter((1, 1, 2))
    watch = Watch(service.watch.boots, service.catalogue, dict, results=lambda: next(numbers))
    watch._sampled = float("-inf")
    assert watch.since(0) == []
    watch._sampled = float("-inf")
    ((number, told),) = watch.since(0)
    assert told == Told("results", {})
    assert b"event: results\n" in watch.encode([(number, told)])


def test_a_sheet_of_claims_is_a_file_like_others(client, here):
    page = here.folder / "claims" / "20261102T000000Z-refos-000000" / "claims.html"
    page.parent.mkdir(parents=True)
    page.write_text("<p>holds</p>")
    answer = client.get(f"/api/v1/results/{page.relative_to(here.folder)}", **BASE)
    assert (answer.status_code, answer.data) == (200, b"<p>holds</p>")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox ")
