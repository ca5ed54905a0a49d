"""The description of the API: valid OpenAPI 3.1, and complete."""

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from pxe.access import Role
from pxe.events import kinds
from pxe.web.operator import create_app
from pxe.web.operator.openapi import operations
from pxe.web.operator.operation import declared_of


@pytest.fixture
def document(service):
    return create_app(service).test_client().get("/openapi.json").json


def test_it_is_openapi(document):
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_described_with_its_errors_and_its_role(service, document):
    app: Flask = create_app(service)
    described = list(operations(app))
    undescribed = {rule.endpoint for rule in app.url_map.iter_rules()} - {
        rule.endpoint for rule, _, _ in described
    }
    assert all(declared_of(app.view_functions[endpoint]).hidden for endpoint in undescribed)
    assert all(rule.rule.startswith("/api/v1/") or rule.rule == "/metrics" for rule, _, _ in described)
    found = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(found) == len(described)
    assert len({operation["operationId"] for operation in found}) == len(found)
    for operation in found:
        assert operation["summary"], operation
        assert operation["x-role"] in [*Role, "anybody"]
        assert {"200", "204"} & operation["responses"].keys()
        assert operation["responses"]["400"]["content"]["application/json"]["schema"] == {
            "$ref": "#/components/schemas/Error"
        }


def test_changes_need_an_operator(service):
    for rule, method, op in operations(create_app(service)):
        if method != "GET" and op.role is not None:
            assert op.role.may(Role.OPERATOR), rule


def test_every_kind_of_event_is_described(document):
    schemas = document["components"]["schemas"]
    said = {
        s["properties"]["kind"].get("const") for s in schemas.values() if "kind" in s.get("properties", {})
    }
    assert set(kinds()) <= said


def test_a_route_without_a_declaration_is_refused(service, monkeypatch):
    from pxe.web.operator import health

    monkeypatch.setattr(health.blueprint, "deferred_functions", [*health.blueprint.deferred_functions])
    health.blueprint.deferred_functions.append(
        lambda state: state.add_url_rule("/bare", endpoint="bare", view_func=lambda: "")
    )
    with pytest.raises(AssertionError, match=r"health\.bare: decorate it"):
        create_app(service)
