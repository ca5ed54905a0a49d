"""A client that writes: WRQ, then datagrams into the upload that it began, onto a real disk."""

import shutil
from pathlib import Path

from fuzz_targets import BOARD, Port, datagrams

from pxe.errors import WireError
from pxe.net.packets import PacketCache
from pxe.net.tftp_open import Opener, Refusal
from pxe.net.tftp_session import Session
from pxe.net.udp import Datagram
from pxe.net.upload_folder import UploadFolder
from pxe.settings import UploadSettings
from pxe.wire import tftp
from pxe.wire.transfer import Outcome

MAX_BYTES = 4096
THERE = "there.txt"  # is in the client's folder before each input


class Uploads:
    """Promises: what a client sent in order is the file, under its folder alone, or there is no file."""

    peer = ("10.99.0.50", 2001)

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "secret").write_text("not for you")
        self._root = folder / "uploads"
        self._own = self._root / BOARD.replace(":", "-")
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        shutil.rmtree(self._root, ignore_errors=True)
        self._own.mkdir(parents=True)
        (self._own / THERE).write_text("first")
        (self._own / "out").symlink_to(self._folder)
        self._ports: list[Port] = []
        uploads = UploadFolder(UploadSettings(folder=self._root, max_bytes=MAX_BYTES, max_files=20))
        self._opener = Opener(_nothing, lambda _: BOARD, PacketCache(), self, uploads, ())

    def open(self, _request: Datagram, _number: int = 0) -> Port:
        """As pxe.net.ports.Ports."""
        self._ports.append(Port())
        return self._ports[-1]

    def __call__(self, data: bytes) -> None:
        """One input."""
        parts = list(datagrams(data))
        try:
            message = tftp.decode(parts[0]) if parts else None
        except WireError:
            return
        if not isinstance(message, tftp.WriteRequest):
            return
        try:
            session = self._opener.open(Datagram(parts[0], self.peer, "10.99.0.1"), message, 0.0)
        except Refusal as refusal:
            tftp.encode(tftp.Error(refusal.code, tftp.printable(str(refusal))))
            assert self._files() == {THERE}
        else:
            sent = self._transfer(session, parts[1:])
            session.close()
            self._check(session, message, sent)
        assert all(port.closed for port in self._ports), "a port was not given back"
        self._ports.clear()

    def _transfer(self, session: Session, parts: list[bytes]) -> bytes:
        """Return what a receiver that takes the next block and no other would have, its own bookkeeping."""
        now, taken, block = 0.0, b"", 1
        size = session.options.get("blksize", 512)
        session.pump(now)
        for part in parts:
            now += 0.3
            if session.transfer.outcome is None and not session.transfer._stored:
                fits = part[:2] == b"\0\3" and 4 <= len(part) <= size + 4
                if fits and part[2:4] == (block & 0xFFFF).to_bytes(2, "big"):
                    taken, block = taken + part[4:], block + 1
            try:
                session.deliver(part, now)
            except WireError:
                continue
            assert session.transfer.received <= MAX_BYTES, "more than the limit"
        for _ in range(100):  # nothing comes any more: it ends by itself
            timer = session.transfer.get_timer()
            if timer is None:
                return taken
            session.transfer.handle_timer(timer)
            session.pump(timer)
        raise AssertionError("an upload to which nothing comes goes on for ever")

    def _check(self, session: Session, message: tftp.WriteRequest, sent: bytes) -> None:
        new = self._files() - {THERE}
        assert (self._own / THERE).read_text() == "first", "what was there was changed"
        assert {p.name for p in self._folder.iterdir()} <= {"uploads", "secret"}, "it got out"
        assert (self._folder / "secret").read_text() == "not for you"
        if session.transfer.outcome is not Outcome.COMPLETE:
            assert not new, f"half a file, or a temporary one: {new}"
            return
        (name,) = new
        stored = (self._own / name).read_bytes()
        assert len(stored) <= MAX_BYTES
        assert message.mode != "octet" or stored == sent, "not what was sent"
        first = self._own / name.partition("/")[0]
        first.unlink() if first.is_file() else shutil.rmtree(first)

    def _files(self) -> set[str]:
        """Every file below the folder for uploads, by its name in the client's; fails for one elsewhere."""
        found = {p for p in self._root.rglob("*") if p.is_file() and not p.is_symlink()}
        return {
            str(p.relative_to(self._own)) for p in found if "out" not in p.relative_to(self._own).parts[:1]
        }


def _nothing(_name: str, _client: object) -> None:
    raise AssertionError("an upload asked for a file to read")
