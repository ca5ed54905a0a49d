"""What pydantic does not see in a matrix file: what must exist, and what goes together.

Works on the raw values and passes over what is missing or of the wrong shape, so that all faults come out
at once.
"""

from collections.abc import Iterable
from typing import Any

from lab.config import Site, load_board_type
from lab.config.read import get, one_of, section
from lab.config.yamlfile import Document, KeyPath
from lab.images import IMAGES

_SUITES = ("boot", "pytest", "upgrades")
_SECRETS = ("env", "file")


def crosscheck(document: Document, site: Site | None) -> None:
    """Note the faults that need more than one value to see; `site` None: its file has faults of its own."""
    data = document.data
    for name, suite in section(data, "suites").items():
        if isinstance(suite, dict):
            one_of(document, ("suites", name), suite, _SUITES)
    _check_files(document)
    _check_images(document, site)
    _check_names(document, site)
    _check_notify(document)


def boards_of(site: Site, name: str) -> list[str]:
    """The places that a word of the matrix means: a place, or a board type with all its places."""
    if site.place(name) is not None:
        return [name]
    return [place.name for place in site.places if place.board_type == name]


def _check_files(document: Document) -> None:
    base = document.path.absolute().parent
    for name, suite in section(document.data, "suites").items():
        files = get(suite, "pytest", "files")
        for number, file in enumerate(files if isinstance(files, list) else []):
            if isinstance(file, str) and not (base / file.partition("::")[0]).exists():
                where = ("suites", name, "pytest", "files", number)
                document.fault(where, f"there is no {file} (seen from the folder of this file)")


def _check_images(document: Document, site: Site | None) -> None:
    for name, image in section(document.data, "images").items():
        plans = section(image, "plans")
        if not isinstance(image, dict):
            continue
        if "plan" not in image and not plans:
            if name not in IMAGES:
                told = (
                    f"there is no built-in image {name!r}; there are {', '.join(IMAGES)}; or name its `plan`"
                )
                document.fault(("images", name), told)
            continue
        if "plan" in image and plans:
            document.fault(("images", name), "name `plan` or `plans`, not both")
        if "ready" not in image:
            document.fault(("images", name), "needs `ready`: the console line that says that it is up")
        named: list[tuple[KeyPath, Any]] = [(("images", name, "plan"), image.get("plan"))]
        named += [(("images", name, "plans", arch), plan) for arch, plan in plans.items()]
        known = [plan.name for plan in site.plans] if site is not None else []
        for where, plan in named:
            if site is not None and isinstance(plan, str) and plan not in known:
                document.fault(where, f"{site_has_no('plan', plan, known)}")


def site_has_no(what: str, name: str, known: Iterable[str]) -> str:
    """A sentence about a name that the site file does not have."""
    return f"the site file has no {what} {name!r}; there are {', '.join(known) or 'none'}"


def _check_names(document: Document, site: Site | None) -> None:
    data = document.data
    images, suites = list(section(data, "images")), list(section(data, "suites")) or ["boot"]
    boards = get(data, "boards")
    words: list[tuple[KeyPath, str, Any]] = [
        (("boards", n), "board", word) for n, word in enumerate(boards if isinstance(boards, list) else [])
    ]
    words.append((("health", "image"), "image of the health check", get(data, "health", "image")))
    for key in ("include", "exclude"):
        rows = get(data, key)
        for number, row in enumerate(rows if isinstance(rows, list) else []):
            words += [((key, number, what), what, get(row, what)) for what in ("board", "image", "suite")]
            if row == {}:
                document.fault((key, number), "is empty: name a board, an image or a suite")
    for where, what, word in words:
        if not isinstance(word, str):
            continue
        if what == "board":
            _check_board(document, where, word, site)
        elif what == "suite":
            if word not in suites:
                document.fault(where, f"there is no suite {word!r}; there are {', '.join(suites)}")
        elif word not in images and not (where[0] == "health" and word in IMAGES):
            document.fault(where, f"there is no image {word!r}; there are {', '.join(images) or 'none'}")


def _check_board(document: Document, where: KeyPath, word: str, site: Site | None) -> None:
    if site is None or boards_of(site, word):
        return
    places = [place.name for place in site.places]
    types = dict.fromkeys(place.board_type for place in site.places)
    told = f"places: {', '.join(places) or 'none'}; their board types: {', '.join(types) or 'none'}"
    document.fault(where, f"the site has no place and no board type {word!r}; {told}")


def _check_notify(document: Document) -> None:
    hooks, mails, page = (get(document.data, "notify", key) for key in ("webhooks", "mail", "page"))
    _check_url(document, ("notify", "page"), page)
    for number, hook in enumerate(hooks if isinstance(hooks, list) else []):
        if isinstance(hook, dict):
            where: KeyPath = ("notify", "webhooks", number)
            one_of(document, where, hook, ("url", "secret_url"))
            _check_secret(document, (*where, "secret_url"), hook.get("secret_url"))
            _check_secret(document, (*where, "token"), hook.get("token"))
            _check_url(document, (*where, "url"), hook.get("url"))
    for number, mail in enumerate(mails if isinstance(mails, list) else []):
        if isinstance(mail, dict):
            where = ("notify", "mail", number)
            _check_secret(document, (*where, "password"), mail.get("password"))
            if ("user" in mail) != ("password" in mail):
                document.fault(where, "`user` and `password` go together")


def _check_url(document: Document, where: KeyPath, url: Any) -> None:
    if isinstance(url, str) and not url.startswith(("http://", "https://")):
        document.fault(where, f"{url!r} begins with neither http:// nor https://")


def _check_secret(document: Document, where: KeyPath, value: Any) -> None:
    if isinstance(value, dict):
        one_of(document, where, value, _SECRETS)


def has_uboot(board_type: str) -> bool:
    """Whether boards of this type come to U-Boot's prompt, which a driven boot wants."""
    return any(rule.name == "u-boot" for rule in load_board_type(board_type).milestones)
