import json
import re
from ipaddress import IPv4Address
from time import monotonic_ns

import jsonschema
import pytest
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException

from pxe.audit import Audit
from pxe.boot.catalogue import Catalogue
from pxe.boot.files import FileRoot
from pxe.boot.requester import Requester
from pxe.boot.snapshot import Snapshot
from pxe.boots import Boots
from pxe.config_store import ConfigStore
from pxe.eventlog import EventLog
from pxe.metrics import Metrics
from pxe.plan import Asset, BootPlan, Machine
from pxe.plan_store import PlanStore
from pxe.state import open_state
from pxe.token_store import TokenStore
from pxe.web.context import WebContext
from pxe.web.operator import create_app
from pxe.web.operator.openapi import document
from pxe.web.refusals import Refusals
from pxe.web.streams import Streams, encoded
from pxe.web.watch import Watch

MAC = "52:54:00:00:00:01"


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "kernel").write_bytes(bytes(range(256)) * 40)
    return BootPlan(
        name="p",
        kernel=Asset("debian/linux", tmp_path / "kernel"),
        texts={"preseed.cfg": "mirror {server}\n"},
    )


@pytest.fixture
def service(plan, tmp_path):
    """Real parts; the machine of the plan is at 127.0.0.1."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "all.txt").write_text("for everybody")
    (tmp_path / "root" / "outside").symlink_to("/etc/passwd")
    machine = Machine(mac=MAC, name="rack1", ip=IPv4Address("127.0.0.1"), plan="p")
    base = Snapshot({MAC: machine}, {"p": plan})
    catalogue, events = Catalogue(base, FileRoot(tmp_path / "root")), EventLog()
    boots = Boots(
        lambda _, name: base.plans.get(name or "p"), base.machines.__contains__, now_ns=monotonic_ns
    )
    watch = Watch(boots, catalogue, dict)
    engine = open_state(tmp_path / "state")
    yield WebContext(
        catalogue=catalogue,
        store=PlanStore(engine, base, catalogue, events.append),
        events=events,
        configs=ConfigStore(engine),
        refusals=Refusals(events.append),
        tokens=TokenStore(engine),
        audit=Audit(engine),
        metrics=Metrics(),
        streams=Streams(events, encoded),
        watch=watch,
        watchers=Streams(watch, watch.encode),
        requester=lambda at: Requester(mac=catalogue.reserved_for(at), server=IPv4Address("10.99.0.1")),
        leases=lambda: [{"ip": "10.99.0.7", "mac": MAC, "expires": 1.0, "state": "bound"}],
        health=lambda: {"ready": True, "listeners": {"api": "here"}, "worker_pid": 1},
    )
    engine.dispose()


@pytest.fixture(scope="session")
def described():
    """Hold a response against /openapi.json: its status must be there, and its body fit the schema."""
    return Described()


class Described:
    def __init__(self):
        self._documents = {}

    def check(self, app, response, method, path):
        adapter = app.url_map.bind("localhost")
        try:
            rule, _ = adapter.match(path.partition("?")[0], method, return_rule=True)
        except HTTPException:
            return
        found = self._document(app)
        template = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        operation = found["paths"].get(template, {}).get(method.lower())
        if operation is None or response.status_code == 500:
            return
        assert str(response.status_code) in operation["responses"], (method, path, response.data)
        content = operation["responses"][str(response.status_code)].get("content", {})
        assert not content or response.mimetype in content or "*/*" in content
        schema = content.get("application/json", {}).get("schema")
        if schema is not None and response.mimetype == "application/json":
            whole = {**schema, "components": found["components"]}
            jsonschema.Draft202012Validator(whole).validate(
                response.json
            )  # its own schema is checked elsewhere

    def _document(self, app):
        key = tuple(sorted(app.view_functions))
        if key not in self._documents:
            with app.app_context():
                self._documents[key] = json.loads(json.dumps(document(app)))
        return self._documents[key]


@pytest.fixture
def api(described):
    """Make a client of an app each of whose responses must be what /openapi.json says."""

    def make(context):
        app = create_app(context)

        class Client(FlaskClient):
            def open(self, *args, **kwargs):
                response = super().open(*args, **kwargs)
                described.check(app, response, response.request.method, response.request.path)
                return response

        app.test_client_class = Client
        return app.test_client(use_cookies=False)

    return make
