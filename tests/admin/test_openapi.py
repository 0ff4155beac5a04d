"""The document says what the server does: both come from one table."""

from __future__ import annotations

import json
from typing import Any

from sbc.admin import OPERATIONS, ControlServer
from sbc.admin.openapi import describe


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(describe("1.2.3")))
    return found


def test_every_operation_is_described_with_its_answers() -> None:
    found = document()
    assert found["openapi"] == "3.1.0"
    assert found["info"]["version"] == "1.2.3"
    for operation in OPERATIONS:
        described = found["paths"][operation.path][operation.method.lower()]
        assert described["operationId"] == operation.id
        assert set(described["responses"]) == {"200", *(str(status) for status, _ in operation.refusals)}


def test_every_reference_leads_somewhere() -> None:
    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            return [str(item) for key, item in value.items() if key == "$ref"] + [
                reference for item in value.values() for reference in references(item)
            ]
        return [reference for item in value for reference in references(item)] if isinstance(value, list) else []

    found = document()
    schemas = found["components"]["schemas"]
    assert {reference.rpartition("/")[2] for reference in references(found)} <= set(schemas)


def test_every_path_parameter_is_declared() -> None:
    for path, methods in document()["paths"].items():
        for described in methods.values():
            declared = {"{" + p["name"] + "}" for p in described.get("parameters", []) if p["in"] == "path"}
            assert {part for part in path.split("/") if part.startswith("{")} == declared


def test_every_operation_has_a_handler() -> None:
    assert [operation.id for operation in OPERATIONS if not hasattr(ControlServer, f"_{operation.id}")] == []
