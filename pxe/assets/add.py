"""Adding an image: fetch each part, hold it against what was promised, and only then let it count."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pxe.assets.download import new_client
from pxe.assets.lock import locked
from pxe.assets.manifest import ImageName, Manifest, Part, check_part_name
from pxe.assets.packages import PackageFiles, package_files
from pxe.assets.signature import DetachedCheck, check_detached, is_clear_signed, open_clear_signed
from pxe.assets.source import Fetched, Fetcher
from pxe.assets.store import Store, digest, storing
from pxe.assets.sums import Checksum, checksum, find_checksum
from pxe.assets.watch import Watch, no_watch
from pxe.assets.zboot import is_zboot, unpack
from pxe.errors import AssetError, ChecksumError, PlanError


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """What the bytes are held against before they count.

    `sha256` by part (SHA-512 is taken, too); `checksums` is the path or URL of a list. `signature` is the
    suffix (`.sig`, `.gpg`, `.asc`, `.sign`) of detached OpenPGP signatures that lie beside what they sign:
    the list where there is one, else each part. `keyring` holds the keys that are trusted.
    """

    sha256: dict[str, str] = field(default_factory=dict)
    checksums: str = ""
    signature: str = ""
    keyring: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRequest:
    """An image to add: `parts` by name, each a path or a URL, or with `package` a path inside that package.
    `version` may be empty with a package: it is the package's then. `unpack` names a further part, the kernel
    inside part `kernel`, made where that is an EFI zboot kernel: "" for none."""

    name: str
    arch: str
    parts: dict[str, str]
    version: str = ""
    package: str = ""
    promises: Promises = Promises()
    replace: bool = False
    unpack: str = ""


def add_image(store: Store, request: AddRequest, watch: Watch = no_watch) -> Manifest:
    """Fetch, check and add an image; return its manifest.

    Raises PlanError where the request cannot be, AssetError where a file cannot be had, ChecksumError where
    it is not what was promised: the catalogue is as it was then, and a download goes on at the next call.
    """
    _check(request)
    with store.adding(), store.scratch() as folder, new_client() as client:
        package = None
        if request.package:
            with locked(store.root / "apt" / "lock"):
                package = package_files(request.package, request.arch, store.root / "apt", folder)
        version = request.version or (package.version if package is not None else "")
        image = ImageName(request.name, version, request.arch)
        fetcher = Fetcher(store, folder, client, watch, package)
        trust = _Trust(request.promises, fetcher, folder, package)
        parts = {}
        for name, source in request.parts.items():
            promised = trust.promised(name, source)
            with fetcher.fetch(source, name, trust.beginning(promised)) as fetched:
                checked = trust.check(fetched, promised, source)
                if not fetched.path.is_relative_to(store.blobs):
                    store.put(fetched.path, fetched.sha256)
            where = (
                f"package {request.package} {package.version}: {source}" if package is not None else source
            )
            parts[name] = Part(
                file=fetched.file, sha256=fetched.sha256, size=fetched.size, source=where, checked=checked
            )
        if request.unpack and is_zboot(store.blob(parts["kernel"].sha256)):
            parts[request.unpack] = _unpacked(store, parts["kernel"], folder)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(image=image, parts=parts, added=now)
        store.write(manifest, replace=request.replace)
    return manifest


def _unpacked(store: Store, kernel: Part, folder: Path) -> Part:
    """The kernel inside an EFI zboot kernel, vouched for by what vouches for that."""
    with storing(folder):
        try:
            data = unpack(store.blob(kernel.sha256).read_bytes())
        except AssetError as exc:
            raise AssetError(f"{kernel.file} is an EFI zboot kernel, and {exc}") from None
        path = folder / "Image"
        path.write_bytes(data)
    sha256 = digest(path, "sha256")
    store.put(path, sha256)
    source = f"unpacked from {kernel.file}, SHA-256 {kernel.sha256}"
    return Part(file="Image", sha256=sha256, size=len(data), source=source, checked=kernel.checked)


def _check(request: AddRequest) -> None:
    """Raise PlanError for what can be seen before anything is fetched."""
    promises = request.promises
    if not request.parts:
        raise PlanError("an image has at least one part; write one like kernel=FILE or kernel=URL")
    if not request.version and not request.package:
        raise PlanError("give the image a version; only a package brings its own")
    if request.unpack and ("kernel" not in request.parts or request.unpack in request.parts):
        raise PlanError(
            "a kernel can be unpacked where there is a part `kernel`, to a part that is not given"
        )
    ImageName(request.name, request.version or "package", request.arch)
    for name in request.parts:
        check_part_name(name)
    for name in promises.sha256:
        if name not in request.parts:
            raise PlanError(
                f"a SHA-256 is given for {name!r}, which is no part; parts: {', '.join(request.parts)}"
            )
    if promises.signature and promises.keyring is None:
        raise PlanError(
            "a signature needs a keyring: the file with the publisher's keys, got from the publisher"
        )
    if request.package and (promises.checksums or promises.signature):
        raise PlanError(
            "a package is checked by apt; lists of checksums and signatures are for files and URLs"
        )


class _Trust:
    """Who vouches for what, for one image."""

    def __init__(
        self, promises: Promises, fetcher: Fetcher, folder: Path, package: PackageFiles | None
    ) -> None:
        self._promises, self._fetcher, self._folder, self._package = promises, fetcher, folder, package
        self._given = {name: checksum(text, "sha256 (given)") for name, text in promises.sha256.items()}
        self._listing: str | None = None
        self._signed_by: tuple[str, ...] = ()
        if promises.checksums:
            self._listing = self._read_listing(promises.checksums)

    def _read_listing(self, source: str) -> str:
        """The list's text, once its signature fits where one is wanted."""
        path, keyring = self._fetcher.small(source), self._promises.keyring
        if keyring is not None and is_clear_signed(path):
            text, fingerprint = open_clear_signed(path, keyring, self._folder)
            self._signed_by = (f"openpgp {fingerprint}",)
            return text
        if keyring is not None:
            if not self._promises.signature:
                raise PlanError(
                    f"{source} carries no signature in itself; say where it is, like --signature .gpg"
                )
            signature = self._fetcher.small(source + self._promises.signature)
            self._signed_by = (f"openpgp {check_detached(path, signature, keyring, self._folder)}",)
        return path.read_text(encoding="utf-8", errors="replace")

    def promised(self, name: str, source: str) -> tuple[list[Checksum], Path | None]:
        """Checksums and the signature of a part, before it is fetched: what is missing is seen early."""
        sums = [self._given[name]] if name in self._given else []
        if self._listing is not None:
            sums.append(find_checksum(self._listing, source, self._promises.checksums))
            return sums, None
        suffix = self._promises.signature
        return sums, self._fetcher.small(source + suffix) if suffix else None

    def beginning(self, promised: tuple[list[Checksum], Path | None]) -> Callable[[], DetachedCheck] | None:
        """What holds a part's own signature against it while it comes."""
        signature, keyring = promised[1], self._promises.keyring
        if signature is None or keyring is None:
            return None
        return lambda: DetachedCheck(signature, keyring, self._folder)

    def check(
        self, fetched: Fetched, promised: tuple[list[Checksum], Path | None], source: str
    ) -> tuple[str, ...]:
        """Return what vouches for the file. Raises ChecksumError where it is not what was promised."""
        sums, signature = promised
        checked: list[str] = [self._package.checked] if self._package is not None else []
        for wanted in sums:
            found = fetched.sha256 if wanted.algorithm == "sha256" else digest(fetched.path, wanted.algorithm)
            if found != wanted.digest:
                said = f"{wanted.said_by} says {wanted.digest}"
                raise ChecksumError(f"{source}: its {wanted.algorithm} is {found}, {said}; not added")
            checked.append(wanted.said_by)
        keyring = self._promises.keyring
        if signature is not None and keyring is not None:
            signer = (
                fetched.signed.fingerprint()
                if fetched.signed is not None
                else check_detached(fetched.path, signature, keyring, self._folder)
            )
            checked.append(f"openpgp {signer}")
        return (*checked, *(self._signed_by if sums and self._listing is not None else ()))
