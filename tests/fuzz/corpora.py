"""Where the shared corpora are, and how to read each of them. Nothing here is copied into the project."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3] / "shared" / "corpora"


def folder(name: str) -> Path:
    """The folder of one corpus; skips the test where it is absent."""
    path = ROOT / name
    if not path.is_dir():
        pytest.skip(f"shared corpus {name!r} is not beside the repository")
    return path


def sdp_index() -> list[dict[str, Any]]:
    """One entry a body: file, m_lines, features, note."""
    files: list[dict[str, Any]] = json.loads((folder("sdp") / "index.json").read_text())["files"]
    return files


def rfc4475_index() -> list[dict[str, Any]]:
    """One entry a torture message: file, section, class, acceptable outcomes."""
    messages: list[dict[str, Any]] = json.loads((folder("rfc4475") / "index.json").read_text())["messages"]
    return messages


def sip_messages() -> list[tuple[dict[str, Any], bytes]]:
    """Messages of real captures with what Wireshark made of each."""
    with (folder("sipmsg") / "messages.jsonl").open() as lines:
        entries = [json.loads(line) for line in lines]
    return [(entry, base64.b64decode(entry["raw_b64"])) for entry in entries]


def protos_cases() -> list[bytes]:
    """The sample of PROTOS c07-sip, each as the datagram it is meant to be."""
    archive = folder("fuzz") / "protos-c07-sip-sample" / "testcases.tar.xz"
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
        members = sorted((member for member in tar.getmembers() if member.isfile()), key=lambda member: member.name)
        streams = [tar.extractfile(member) for member in members]
        return [stream.read() for stream in streams if stream is not None]


def go_fuzz_inputs() -> list[bytes]:
    """Inputs that once crashed another parser (Go fuzz v1 files: the second line is a literal)."""
    found: list[bytes] = []
    for path in sorted((folder("fuzz") / "sipgo").glob("*.gofuzz")):
        for line in path.read_text("utf-8", "surrogateescape").splitlines()[1:]:
            literal = line[line.find('"') + 1 : line.rfind('"')]
            found.append(literal.encode("latin-1", "replace").decode("unicode_escape").encode("latin-1", "replace"))
    return found


def zeek_packets() -> list[bytes]:
    """Packets of a recorded corpus, joined by a separator and a direction octet."""
    found: list[bytes] = []
    for path in sorted((folder("fuzz") / "zeek-sip").glob("*.pkt")):
        found.extend(part[1:] for part in path.read_bytes().split(b"\x01PKT") if len(part) > 1)
    return found


def dictionary() -> list[bytes]:
    """Tokens for mutation."""
    text = (folder("fuzz") / "opensips-core.dict").read_text("utf-8", "surrogateescape")
    return [line[1:-1].encode("utf-8", "surrogateescape") for line in text.splitlines() if len(line) > 2]
