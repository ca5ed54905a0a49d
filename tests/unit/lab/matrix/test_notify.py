import importlib.util
import json
from pathlib import Path

import pytest

from lab.errors import InfrastructureError
from lab.matrix.deliver import deliver, secret_text
from lab.matrix.mail import send
from lab.matrix.message import Message
from lab.matrix.model import Mail, Matrix, Secret, Webhook
from lab.matrix.night import load_night
from lab.matrix.notify import changes_of, tell
from lab.matrix.webhook import post
from lab.testing.receivers import mailbox, webhook

_spec = importlib.util.spec_from_file_location("nights", Path(__file__).with_name("nights.py"))
nights = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(nights)

MESSAGE = Message(
    subject="bootlab: 1 slower", text="it is slower\nby far", document={"schema": 1, "text": "x"}
)
QUICK = (0.0, 0.0, 0.0)


def letter_to(port: int, **changes) -> Mail:
    return Mail(server="127.0.0.1", port=port, sender="a@lab.test", to=("b@lab.test", "c@lab.test"),
                **{"security": "none", **changes})  # fmt: skip


def test_a_webhook_gets_json_and_a_token(monkeypatch):
    monkeypatch.setenv("HOOK_TOKEN", "s3cret")
    with webhook() as hook:
        post(Webhook(url=hook.url, token=Secret(env="HOOK_TOKEN")), MESSAGE)
    assert hook.documents == [{"schema": 1, "text": "x"}]
    assert hook.tokens == ["Bearer s3cret"]


def test_a_webhook_that_is_busy_is_tried_again():
    with webhook(503, 429) as hook:
        assert deliver(lambda: post(Webhook(url=hook.url), MESSAGE), pauses=QUICK) == ""
    assert len(hook.documents) == 1


def test_a_webhook_that_is_down_is_said():
    with webhook() as hook:
        url = hook.url
    told = deliver(lambda: post(Webhook(url=url), MESSAGE), pauses=QUICK)
    assert "refused" in told
    assert told.endswith("(4 tries)")


@pytest.mark.parametrize("status", [301, 400, 404])
def test_a_webhook_that_refuses_is_asked_once(status):
    with webhook(status) as hook:
        told = deliver(lambda: post(Webhook(url=hook.url), MESSAGE), pauses=QUICK)
    assert told.startswith(f"it answers {status}")
    assert hook.answers == []
    assert hook.documents == []


@pytest.mark.parametrize("url", ["http://", "http://[::1", "gopher://x/"])
def test_an_address_that_is_none(url):
    told = deliver(lambda: post(Webhook(url=url), MESSAGE), pauses=())
    assert told


def test_a_letter():
    with mailbox() as box:
        send(letter_to(box.port), MESSAGE)
    (letter,) = box.letters
    assert letter["Subject"] == "bootlab: 1 slower"
    assert letter["To"] == "b@lab.test, c@lab.test"
    assert letter.get_content().splitlines() == ["it is slower", "by far"]
    assert letter["Message-ID"]


def test_a_mail_server_that_says_later_is_asked_again():
    with mailbox("451 try again") as box:
        assert deliver(lambda: send(letter_to(box.port), MESSAGE), pauses=QUICK) == ""
    assert len(box.letters) == 1


def test_a_mail_server_that_says_never_is_believed():
    with mailbox("554 no", "554 no") as box:
        told = deliver(lambda: send(letter_to(box.port), MESSAGE), pauses=QUICK)
    assert told == "the server says 554 no"
    assert box.replies == ["554 no"]


def test_starttls_where_there_is_none():
    with mailbox() as box:
        told = deliver(lambda: send(letter_to(box.port, security="starttls"), MESSAGE), pauses=QUICK)
    assert "is `security` right?" in told


def test_a_line_break_in_an_address_is_no_way_into_the_head():
    mail = Mail(server="127.0.0.1", port=1, sender="a@lab.test\nBcc: x@lab.test", to=("b@lab.test",))
    assert "cannot be written" in deliver(lambda: send(mail, MESSAGE), pauses=())


def test_secrets(tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text("abc\n")
    assert secret_text(Secret(file=file)) == "abc"
    monkeypatch.delenv("NOT_SET", raising=False)
    for secret, where in ((Secret(env="NOT_SET"), "NOT_SET"), (Secret(file=tmp_path / "gone"), "gone")):
        with pytest.raises(InfrastructureError, match=where):
            secret_text(secret)


def test_the_result_stands_whoever_hears_of_it(tmp_path):
    night = nights.write_night(tmp_path, 1, {("p", "i", "s"): [None] * 3})
    warnings = []
    with webhook() as down:
        pass
    with mailbox() as box:
        matrix = Matrix(
            name="nightly", file=tmp_path / "m.yaml", lab=tmp_path / "lab.yaml", tasks=(),
            webhooks=(Webhook(url=down.url),), mails=(letter_to(box.port),),
        )  # fmt: skip
        told = tell(matrix, night, changes_of(night, matrix), warn=warnings.append, pauses=(0.0,))
    assert list(told) == ["webhook 1 (127.0.0.1)", "mail 1 (127.0.0.1)"]
    assert told["mail 1 (127.0.0.1)"] == ""
    assert "refused" in told["webhook 1 (127.0.0.1)"]
    assert warnings == [f"webhook 1 (127.0.0.1) was not told: {told['webhook 1 (127.0.0.1)']}"]
    assert load_night(night.folder).told == told
    assert "FAILING: i on p (s) fails" in box.letters[0].get_content()


def test_nothing_changed_nothing_told(tmp_path):
    night = nights.write_night(tmp_path, 1, {("p", "i", "s"): [8.0] * 3})
    with webhook() as hook:
        matrix = Matrix(
            name="nightly", file=tmp_path, lab=tmp_path, tasks=(), webhooks=(Webhook(url=hook.url),)
        )
        assert tell(matrix, night, changes_of(night, matrix), warn=print) == {}
        always = Matrix(
            name="nightly",
            file=tmp_path,
            lab=tmp_path,
            tasks=(),
            webhooks=(Webhook(url=hook.url),),
            always=True,
        )
        tell(always, night, changes_of(night, always), warn=print)
    (document,) = hook.documents
    assert document["changes"] == []
    assert "nothing changed" in document["text"]
    json.dumps(document)
