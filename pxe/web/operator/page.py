"""GET /: which machine boots what, and why, as one plain page for people.

No scripts; the browser loads it anew every few seconds. Names and vendor classes come from machines and
people: Jinja escapes all of them, and the page may load nothing from anywhere.
"""

from flask import Blueprint, Response, make_response, render_template

from pxe.web.context import context
from pxe.web.operator.choices import addresses
from pxe.web.operator.operation import operation

blueprint = Blueprint("page", __name__)

_REFRESH_SECONDS = 5


@blueprint.get("/")
@operation(hidden=True)
def get_page() -> Response:
    """Machines with their plans, rules, and the machines that nobody told us of."""
    catalogue, leased = context().catalogue, addresses()
    snapshot = catalogue.snapshot
    strangers = [s for s in reversed(catalogue.strangers.all()) if s.client.mac not in snapshot.machines]
    rows = [
        (
            machine,
            leased.get(mac, machine.ip),
            catalogue.client(mac),
            catalogue.choice(mac, leased.get(mac), explain=True),
        )
        for mac, machine in sorted(snapshot.machines.items())
    ]
    text = render_template(
        "machines.html", rows=rows, booting=catalogue.booting, strangers=strangers, snapshot=snapshot
    )
    response = make_response(text)
    response.headers["Refresh"] = str(_REFRESH_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    )
    return response
