from lab.matrix.journal import NIGHTS
from lab.matrix.night import load_night
from lab.matrix.page.links import Links
from lab.testing.madenights import Made, make


def test_addresses_are_relative_and_only_of_what_is_there(tmp_path):
    folder = make(tmp_path, Made(nights=1, boots=2))[0]
    night = load_night(folder)
    links, run = Links(night), next(iter(night.cells.values())).folders[0]
    assert links.beside("night.jsonl") == "night.jsonl"
    assert links.beside("none.xml") == ""
    assert links.night("20990101T000000Z-000000") == ""
    assert (folder / links.run(run)).samefile(run)
    (run / "report.html").write_text("")
    assert (folder / links.run(run)).samefile(run / "report.html")
    assert links.boot(run, 2).endswith("report.html#boot-2")
    assert (folder / links.run(run, "boots.jsonl")).samefile(run / "boots.jsonl")
    assert links.below(run, "pcap") == ""
    assert links.run(tmp_path / "2026-11-01" / "gone") == ""


def test_a_name_that_leads_out_of_its_run_is_not_followed(tmp_path):
    folder = make(tmp_path, Made(nights=1, boots=2))[0]
    night = load_night(folder)
    run = next(iter(night.cells.values())).folders[0]
    secret = tmp_path / NIGHTS / "secret"
    secret.write_text("")
    assert Links(night).run(run, f"../../{NIGHTS}/secret") == ""
    assert Links(night).run(run, str(secret)) == ""


def test_a_name_with_signs_of_its_own_is_quoted(tmp_path):
    night = load_night(make(tmp_path, Made(nights=1, boots=2))[0])
    (night.folder / 'a"b #1.xml').write_text("")
    assert Links(night).beside('a"b #1.xml') == "a%22b%20%231.xml"
