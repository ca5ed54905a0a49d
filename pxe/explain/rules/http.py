"""Files over HTTP: what firmware does not take."""

from collections.abc import Iterator

from pxe.explain.evidence import Evidence, HttpExchange
from pxe.explain.finding import Severity
from pxe.explain.rule import MOST, Hit, Stage, hit, rule
from pxe.explain.rules.talk import SECOND, who
from pxe.explain.rules.tftp import nearest
from pxe.explain.text import line, shown

_SUFFIXES = (".efi", ".iso", ".img")
_STUCK_NS = 10 * SECOND
_TYPES = ("application/efi", "application/vnd.efi-iso", "application/vnd.efi-img")


def _agent(x: HttpExchange) -> str:
    return shown(x.request.get("user-agent", "")) or "the client"


def _is_edk2(x: HttpExchange) -> bool:
    return x.request.get("user-agent", "").lower().startswith("uefihttpboot")


def _length(x: HttpExchange) -> int:
    text = x.answer.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _url(x: HttpExchange) -> str:
    port = "" if x.port == 80 else f":{x.port}"
    return f"http://{x.server}{port}{shown(x.target)}"


@rule(
    "http-not-found",
    Stage.FILES,
    seen="the answer is 404 (or 410), and no file is fetched after it",
    sentence="{url} does not exist: {server} answers {status}{nearest}.",
    cure="Put the file there, or correct the URL in the plan, in option 67 or in the script that names it.",
    basis="RFC 9110 section 15.5.5",
)
def http_not_found(e: Evidence) -> Iterator[Hit]:
    """The name, or the server's root. To look for names like it takes long: only for the last ones."""
    files = e.network.files | {x.target for x in e.http if x.status in (200, 206)}
    missing = {(x.server, x.port, x.target): x for x in e.http if x.status in (404, 410)}
    for x in sorted(missing.values(), key=lambda x: x.t_ns)[-MOST:]:
        near = nearest(x.target, files)
        yield hit(x.t_ns, line(x), url=_url(x), server=x.server, status=x.status, nearest=near)


@rule(
    "http-error",
    Stage.FILES,
    seen="the answer is another 4xx or 5xx, and no file is fetched after it",
    sentence="{server} answers {status} {reason} for {url}.",
    cure="401 and 403: let machines fetch it without a password; 5xx: see the log of {server}.",
    basis="RFC 9110 section 15",
)
def http_error(e: Evidence) -> Iterator[Hit]:
    """Not for this client, or not now."""
    for x in e.http:
        if x.status >= 400 and x.status not in (404, 410, 416):
            values = {"server": x.server, "status": x.status, "reason": shown(x.reason)}
            yield hit(x.t_ns, line(x), url=_url(x), **values)


@rule(
    "http-redirect",
    Stage.FILES,
    seen="the answer is a redirect (3xx), and no file is fetched after it",
    sentence="{server} redirects {url} to {to} ({status}), which {agent} does not follow.",
    cure="Serve the file at the first URL, or name {to} itself.",
    basis="RFC 9110 section 15.4; edk2#9714",
)
def http_redirect(e: Evidence) -> Iterator[Hit]:
    """EDK2 and the Raspberry Pi do not follow; iPXE does."""
    for x in e.http:
        if x.status in (301, 302, 303, 307, 308):
            to = shown(x.answer.get("location", "")) or "nowhere"
            yield hit(x.t_ns, line(x), server=x.server, url=_url(x), to=to, status=x.status, agent=_agent(x))


@rule(
    "http-no-length",
    Stage.FILES,
    seen="UEFI HTTP boot gets an answer without Content-Length, and fetches no file after it",
    sentence="{server} sends {url} without Content-Length: {agent} cannot tell its size and gives up.",
    cure="Serve it as a file with Content-Length; chunked, EDK2 of 2022 takes it, other firmware does not.",
    basis="EDK2 NetworkPkg/HttpBootDxe/HttpBootClient.c; RFC 9110 section 8.6",
)
def http_no_length(e: Evidence) -> Iterator[Hit]:
    """HEAD tells it how much memory to take. Seen: EDK2 2022.11 fetches what is chunked all the same."""
    for x in e.http:
        if x.status == 200 and x.head_whole and "content-length" not in x.answer and _is_edk2(x):
            yield hit(x.t_ns, line(x), server=x.server, url=_url(x), agent=_agent(x))


@rule(
    "http-closed-after-head",
    Stage.FILES,
    seen="UEFI HTTP boot asks HEAD, the server closes the connection (HTTP/1.0 or Connection: close), and no "
    "GET is answered",
    sentence="{server} closes the connection after HEAD {url} ({version}): the GET of {agent} is lost.",
    cure="Use a server with HTTP/1.1 and keep-alive (not `python -m http.server`).",
    basis="edk2#9920",
)
def http_closed_after_head(e: Evidence) -> Iterator[Hit]:
    """It sends GET on the same connection, and the FIN meets it on the way: EDK2 2020.11 gives up. 2022.11
    opens another connection and is not hurt."""
    gets = {o.target: o for o in e.http if o.method == "GET" and o.closed and not o.status}
    answered = {o.target: o.t_ns for o in e.http if o.method == "GET" and o.status}
    for x in e.http:
        closes = x.version == "HTTP/1.0" or x.answer.get("connection", "").lower() == "close"
        if x.method != "HEAD" or x.status != 200 or not closes or not _is_edk2(x):
            continue
        lost = gets.get(x.target)
        if (x.closed or lost is not None) and answered.get(x.target, -1) < x.t_ns:
            shows = [line(it) for it in (x, lost) if it is not None]
            yield hit(x.t_ns, *shows, server=x.server, url=_url(x), version=x.version, agent=_agent(x))


@rule(
    "http-empty-server",
    Stage.FILES,
    seen="UEFI HTTP boot gets an answer whose header Server is empty, and fetches no file after it",
    sentence="{server} answers {url} with an empty `Server:` header, at which {agent} hangs.",
    cure="Send a name in that header, or leave the header out.",
    basis="edk2#7443",
)
def http_empty_server(e: Evidence) -> Iterator[Hit]:
    """A fault of EDK2's header parser; that of 2022.11 takes it."""
    for x in e.http:
        if x.answer.get("server") == "" and _is_edk2(x):
            yield hit(x.t_ns, line(x), server=x.server, url=_url(x), agent=_agent(x))


@rule(
    "http-unknown-type",
    Stage.FILES,
    seen="UEFI HTTP boot asks HEAD for a file whose Content-Type and suffix both say nothing, and sends no "
    "GET, or breaks it off",
    sentence="{agent} cannot tell what {url} is: its Content-Type is {type} and its name has no .efi, .iso "
    "or .img.",
    cure="Name the file with its suffix, or send Content-Type: application/efi.",
    basis="UEFI 2.10 section 24.7.3.1; EDK2 HttpBootSupport.c",
)
def http_unknown_type(e: Evidence) -> Iterator[Hit]:
    """Content-Type first, suffix second."""
    for x in e.http:
        kind = x.answer.get("content-type", "").partition(";")[0].lower()
        path = x.target.partition("?")[0].lower()
        asked = _is_edk2(x) and x.status == 200 and x.head_whole and x.method == "HEAD"
        if asked and kind not in _TYPES and not path.endswith(_SUFFIXES):
            yield hit(x.t_ns, line(x), agent=_agent(x), url=_url(x), type=shown(kind) or "missing")


@rule(
    "http-no-range",
    Stage.FILES,
    seen="a request for a part of a file (Range) is answered with all of it (200)",
    sentence="{server} ignores Range for {url}: what broke off is fetched from its beginning again.",
    cure="Use a server that answers Range with 206.",
    basis="RFC 9110 section 14.2",
    severity=Severity.WARNING,
)
def http_no_range(e: Evidence) -> Iterator[Hit]:
    """iPXE fetches large files in parts, EDK2 resumes with it."""
    for x in e.http:
        if (
            x.status == 200
            and "range" in x.request
            and x.request["range"] != "bytes=0-"
            and x.method == "GET"
        ):
            yield hit(x.t_ns, line(x), server=x.server, url=_url(x))


@rule(
    "http-cut-short",
    Stage.FILES,
    seen="the server closes the connection before as many bytes came as Content-Length says",
    sentence="{url} broke off: {server} closed the connection after {received} of {length} bytes.",
    cure="See the log of {server}; look for a proxy or firewall with a time or size limit.",
    basis="RFC 9112 section 8",
)
def http_cut_short(e: Evidence) -> Iterator[Hit]:
    """The head counts among what was received, so that this is the least that is missing."""
    for x in e.http:
        length = _length(x)
        cut = x.closed and x.left_at is None and x.received < length
        if x.method == "GET" and x.status in (200, 206) and cut:
            values = {"server": x.server, "received": x.received, "length": length}
            yield hit(max(x.t_ns, x.last_ns), line(x), url=_url(x), **values)


@rule(
    "http-stalled",
    Stage.FILES,
    seen="the service gave a download up because the client took nothing more; in a capture, its window "
    "stays closed, or it leaves data unacknowledged, for 10 s or more",
    sentence="{who} stopped reading {file} over HTTP: it took {sent} of {size} bytes, and nothing more.",
    cure="See whether the machine still runs: firmware stops when memory is short or its disk does not keep "
    "up; then check its link.",
    basis="RFC 9293 section 3.8.6 (zero window)",
)
def http_stalled(e: Evidence) -> Iterator[Hit]:
    """The server can only wait."""
    for t in e.transfers:
        if t.protocol == "http" and t.outcome == "stalled":
            values = {
                "file": shown(t.name),
                "sent": t.sent,
                "size": t.size if t.size is not None else "unknown",
            }
            yield hit(t.last_ns, line(t), who=who(e), **values)
    for x in e.http:
        length = _length(x)
        if x.status in (200, 206) and x.stuck_ns >= _STUCK_NS and x.received < length:
            yield hit(x.last_ns, line(x), who=who(e), file=_url(x), sent=x.received, size=length)


@rule(
    "http-refused",
    Stage.FILES,
    seen="the server's host refuses the connection, or nobody answers it",
    sentence="No HTTP server at {server}:{port}: the connection is {fault}.",
    cure="Start it, open TCP {port} in its firewall, or correct the port in the URL.",
    basis="RFC 9293 section 3.5",
)
def http_refused(e: Evidence) -> Iterator[Hit]:
    """Nothing there, or a firewall."""
    for c in e.connections:
        if c.fault in ("refused", "unanswered"):
            yield hit(c.t_ns, line(c), server=c.server, port=c.port, fault=c.fault)


@rule(
    "tls-to-plain",
    Stage.FILES,
    seen="the client begins with TLS on a port that speaks plain HTTP",
    sentence="The machine speaks TLS (https) to {server}:{port}, where a plain HTTP server is.",
    cure="Write http:// in the URL, or the port of the TLS server.",
    basis="RFC 8446 section 5.1",
)
def tls_to_plain(e: Evidence) -> Iterator[Hit]:
    """A ClientHello is no HTTP request."""
    for c in e.connections:
        if c.fault == "tls":
            yield hit(c.t_ns, line(c), server=c.server, port=c.port)
