"""Makes the iPXE in QEMU's boot ROM look like a vendor's plain PXE ROM, on the wire: none runs in QEMU.

QEMU hands us every frame that the card sends. Until the client asks for a boot program by TFTP, options 77
and 175, by which iPXE tells itself, are overwritten with padding. Nothing else is touched: the ROM's PXE
services, which `undionly.kpxe` uses from then on, are those that it really has.
"""

import socket
import struct
import threading
import time
from pathlib import Path

_MAGIC = b"\x63\x82\x53\x63"
_TELL_TALE = (77, 175)
_BOOTP = 236  # bytes of a BOOTP message before the magic
_CONNECT_SECONDS = 60.0


def qemu_arguments(folder: Path) -> list[str]:
    """Send what the card sends through two sockets in `folder`, out and back in."""
    words = []
    for name in ("out", "in"):
        words += ["-chardev", f"socket,id={name},path={folder / name},server=on,wait=off"]
    # What the card sends passes the filters last to first; what comes back goes on to those made before.
    words += ["-object", "filter-redirector,id=mask0,netdev=net0,queue=rx,indev=in"]
    words += ["-object", "filter-redirector,id=mask1,netdev=net0,queue=rx,outdev=out"]
    return words


class Mask:
    """A context manager that carries the frames, in a thread. `hidden` counts masked messages."""

    def __init__(self, folder: Path, until: bytes) -> None:
        self.hidden = 0
        self._folder, self._until = folder, until
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> "Mask":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _carry(self) -> None:
        out, back = self._connect("out"), self._connect("in")
        if out is None or back is None:
            return
        masking, buffer = True, b""
        with out, back:
            out.settimeout(0.2)
            while not self._stop.is_set():
                try:
                    data = out.recv(65536)
                except TimeoutError:
                    continue
                if not data:
                    return
                buffer += data
                while len(buffer) >= 4 and len(buffer) >= 4 + (size := struct.unpack("!I", buffer[:4])[0]):
                    frame, buffer = buffer[4 : 4 + size], buffer[4 + size :]
                    masking = masking and self._until not in frame
                    if masking and (masked := without_tell_tale(frame)) != frame:
                        frame = masked
                        self.hidden += 1
                    back.sendall(struct.pack("!I", size) + frame)

    def _connect(self, name: str) -> socket.socket | None:
        """QEMU makes the sockets when the board is switched on, a little after us."""
        deadline = time.monotonic() + _CONNECT_SECONDS
        while time.monotonic() < deadline and not self._stop.wait(0.02):
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(str(self._folder / name))
                return sock
            except OSError:
                sock.close()
        return None


def without_tell_tale(frame: bytes) -> bytes:
    """Return a frame with the options that tell iPXE overwritten, where it holds a DHCP message."""
    magic = frame.find(_MAGIC)
    if magic < _BOOTP + 8:
        return frame
    data, at = bytearray(frame), magic + 4
    while at + 1 < len(data) and data[at] != 255:
        size = 1 if data[at] == 0 else 2 + data[at + 1]
        if data[at] in _TELL_TALE:
            data[at : at + size] = bytes(len(data[at : at + size]))
        at += size
    data[magic - _BOOTP - 2 : magic - _BOOTP] = b"\0\0"  # UDP over IPv4: no checksum
    return bytes(data)
