"""The OpenAPI 3.1 document of the control socket, written from the table of operations."""

from __future__ import annotations

from typing import Final

from sbc.admin.operations import OPERATIONS, Json, Operation


def describe(version: str) -> Json:
    """The whole document."""
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SBC control socket",
            "version": version,
            "description": "HTTP over the node's Unix socket: `curl --unix-socket .sbc/control.sock http://node/status`.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "http://node", "description": "any host name: the socket decides"}],
        "paths": paths,
        "components": {"schemas": _SCHEMAS},
    }


def _describe(operation: Operation) -> Json:
    responses: dict[str, Json] = {
        "200": {
            "description": "done",
            "content": {operation.media_type: {"schema": {"$ref": f"#/components/schemas/{operation.answer}"}}},
        }
    }
    for status, text in operation.refusals:
        responses[str(status)] = {
            "description": text,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
    described: Json = {"operationId": operation.id, "summary": operation.summary, "responses": responses}
    if operation.parameters:
        described["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.place,
                "required": parameter.place == "path",
                "description": parameter.text,
                "schema": {"type": parameter.type},
            }
            for parameter in operation.parameters
        ]
    return described


def _object(properties: Json, *required: str, more: bool = False) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": more,
    }


_TEXT: Final[Json] = {"type": "string"}
_COUNT: Final[Json] = {"type": "integer", "minimum": 0}
_COUNTERS: Final[Json] = {"type": "object", "additionalProperties": _COUNT}

_EXPLAIN: Final[Json] = {
    "type": "object",
    "description": "why media and codecs are what they are, in sentences",
    "additionalProperties": {"type": "array", "items": _TEXT},
}
_QUALITY: Final[Json] = {
    "type": ["object", "null"],
    "properties": {
        "audio": {"enum": ["two-way", "one-way", "none", "unknown"]},
        "unheard": {"enum": ["caller", "callee"]},
        "caller": {"$ref": "#/components/schemas/LegQuality"},
        "callee": {"$ref": "#/components/schemas/LegQuality"},
    },
}

_SCHEMAS: Final[Json] = {
    "Status": _object(
        {
            "name": _TEXT,
            "version": _TEXT,
            "configuration": _object({"source": _TEXT, "version": _COUNT}, "source", "version"),
            "state": {"enum": ["running", "draining", "standby"]},
            "uptime": {"type": "number"},
            "calls": _COUNT,
            "listeners": {
                "type": "array",
                "items": _object(
                    {
                        "realm": _TEXT,
                        "transport": _TEXT,
                        "host": _TEXT,
                        "port": _COUNT,
                        "state": {"enum": ["up", "down"]},
                        "why": {"type": "string", "description": "why it is down, or empty"},
                    },
                    more=True,
                ),
            },
            "connections": _COUNT,
            "handshakes": _COUNT,
            "certificates": {
                "type": "array",
                "items": _object(
                    {
                        "realm": _TEXT,
                        "name": {"type": "string", "description": "the SNI name it is shown for, or empty"},
                        "file": _TEXT,
                        "expires": {"type": "string", "format": "date-time"},
                        "days": {"type": "integer"},
                        "due": {"type": "boolean", "description": "less than 30 days are left"},
                    }
                ),
            },
            "transport": _COUNTERS,
            "loop": {
                "type": "object",
                "additionalProperties": {"type": "number"},
                "description": "seconds: longest pauses of the event loop, longest run of the collector, all its runs",
            },
            "events": _COUNTERS,
            "engine": {"type": "object", "additionalProperties": True},
        },
        "name",
        "version",
        "state",
        "calls",
        "listeners",
        more=True,
    ),
    "Calls": _object(
        {"total": _COUNT, "calls": {"type": "array", "items": {"$ref": "#/components/schemas/Call"}}}, "total", "calls"
    ),
    "Call": _object({"id": _TEXT, "quality": _QUALITY, "explain": _EXPLAIN}, more=True),
    "LegQuality": _object(
        {
            "packets": {"type": "integer", "description": "RTP that came from this peer"},
            "octets": {"type": "integer"},
            "errors": {"type": "integer", "description": "not taken: a stranger's, or not authentic"},
            "lost": {"type": "integer", "description": "packets that this peer missed, by its RTCP"},
            "loss": {"type": "number", "description": "percent"},
            "jitter": {"type": "number", "description": "ms"},
            "round_trip": {"type": "number", "description": "ms"},
            "mos": {"type": "number", "description": "1 to 5"},
        }
    ),
    "MediaEngines": _object(
        {"engines": {"type": "array", "items": {"$ref": "#/components/schemas/MediaEngine"}}}, "engines"
    ),
    "MediaEngine": _object(
        {
            "name": _TEXT,
            "state": {"enum": ["up", "down", "drained"]},
            "weight": {"type": "integer"},
            "calls": {"type": "integer", "minimum": 0, "description": "live calls on it"},
            "placed": {"type": "integer", "minimum": 0, "description": "sessions given to it since start"},
            "limited": {"type": "integer", "minimum": 0, "description": "sessions it was too full for"},
            "failures": {"type": "integer", "minimum": 0, "description": "silences in a row"},
            "lacks": {"type": "array", "items": _TEXT, "description": "what it is known not to have"},
        },
        "name",
        "state",
    ),
    "Trunks": _object({"trunks": {"type": "array", "items": {"$ref": "#/components/schemas/Trunk"}}}, "trunks"),
    "Trunk": _object(
        {
            "name": _TEXT,
            "realm": _TEXT,
            "state": {"enum": ["up", "degraded", "down", "disabled"]},
            "calls": {"type": "integer", "minimum": 0, "description": "held now, in both directions"},
            "refused": {"type": "integer", "minimum": 0, "description": "turned away by a limit since start"},
            "limits": {"$ref": "#/components/schemas/Limits"},
            "targets": {"type": "array", "items": {"$ref": "#/components/schemas/Target"}},
        },
        "name",
        "state",
        "calls",
        "targets",
        more=True,
    ),
    "Target": _object(
        {
            "uri": _TEXT,
            "priority": _COUNT,
            "weight": _COUNT,
            "state": {"enum": ["up", "probing", "down", "disabled"]},
            "since": {"type": "number", "description": "seconds since 1970"},
            "reason": _TEXT,
            "share": {"type": "number", "description": "part of its weight: less than 1 in its slow start"},
            "failures": {"type": "integer", "minimum": 0, "description": "in a row"},
            "calls": _COUNT,
            "refused": _COUNT,
            "limits": {"$ref": "#/components/schemas/Limits"},
            "probe": _object({"is_due": {"type": "boolean"}, "last": _TEXT, "every": {"type": "number"}}, more=True),
        },
        "uri",
        "state",
        "calls",
        more=True,
    ),
    "Limits": _object({"calls": _COUNT, "calls_per_second": _COUNT, "duration": {"type": "number"}}),
    "Done": _object({"done": _TEXT}, "done", more=True),
    "Error": _object(
        {"error": _TEXT, "findings": {"type": "array", "items": {"type": "object", "additionalProperties": True}}},
        "error",
    ),
    "Message": _object(
        {
            "time": {"type": "number", "description": "seconds since 1970"},
            "call": _TEXT,
            "direction": {"enum": ["in", "out"]},
            "transport": _TEXT,
            "listener": _COUNT,
            "peer": _TEXT,
            "message": {"type": "string", "description": "the whole message; bytes that are no UTF-8 as \\xNN"},
        },
        "time",
        "direction",
        "message",
    ),
    "Document": {"type": "object", "additionalProperties": True},
}
