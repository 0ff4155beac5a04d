"""The policy document that a node file names, held against the trunks and realms that there are."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from ipaddress import ip_address, ip_network
from pathlib import Path

from policies import Document, Finding, PolicyErrors, run_tests, suggest
from policies.load import Decoded, load_document, locate, parse_document, references
from sbc.config.load.addresses import address_of
from sbc.config.load.schema import NodeFile, TrunkTable

_LIBRARY = "library:"


def load_policy(decoded: Decoded[NodeFile], name: str, folder: Path) -> Document | None:
    """The document called `library:NAME`, or in a file (a relative path starts at `folder`).

    What is wrong with it joins the findings of the node file; None then.
    """
    try:
        if name.startswith(_LIBRARY):
            return _packaged(decoded, name)
        path = folder / name
        if path.is_dir():
            found = f"{name} is a directory: several documents are not supported yet by this version"
            decoded.add(("node", "policies"), found, allowed="one file")
            return None
        if not path.exists():
            remedy = "a relative path starts at the folder of the node file"
            decoded.add(("node", "policies"), f"there is no file {path}", remedy=remedy)
            return None
        return load_document(path)
    except PolicyErrors as errors:
        decoded.findings.extend(errors.findings)
        return None


def _packaged(decoded: Decoded[NodeFile], name: str) -> Document | None:
    folder = files("policies") / "library"
    known = sorted([entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")])
    wanted = name.removeprefix(_LIBRARY)
    if wanted not in known:
        allowed = ", ".join([_LIBRARY + entry for entry in known])
        decoded.add(
            ("node", "policies"), f'no packaged policy "{wanted}"', allowed=allowed, remedy=suggest(wanted, known)
        )
        return None
    return parse_document((folder / f"{wanted}.toml").read_text(encoding="utf-8"), name)


def check_policy(decoded: Decoded[NodeFile], file: NodeFile, document: Document) -> None:
    """Names that do not exist, trunks that cannot be called, media that nobody relays, tests that fail."""
    findings: list[Finding] = []
    used = references(document)
    for name, path in () if "trunk" in decoded.lost else used.trunks:
        trunk = file.trunk.get(name)
        if trunk is None:
            findings.append(_unknown("trunk", name, list(file.trunk), locate(document, path)))
        elif path[-1] == "route" and not trunk.targets:
            place = locate(document, path)
            found = f'trunk "{name}" has no targets and cannot be called'
            findings.append(Finding(found, remedy="add targets to it", key=place.key, file=place.file, line=place.line))
    for name, path in used.realms:
        if name not in file.realm:
            findings.append(_unknown("realm", name, list(file.realm), locate(document, path)))
    if file.media.mode == "bypass" and not file.media.engines:
        findings.extend(_unrelayed(document))
    decoded.findings.extend(findings)
    if not findings and not decoded.lost:
        _check_tests(decoded, file, document)


def _unknown(what: str, name: str, known: list[str], place: Finding) -> Finding:
    found = f'no {what} "{name}" in the node file'
    allowed = ", ".join(known)
    return Finding(found, allowed=allowed, remedy=suggest(name, known), key=place.key, file=place.file, line=place.line)


def _unrelayed(document: Document) -> list[Finding]:
    found: list[Finding] = []
    for index, rule in enumerate(document.rules):
        if rule.then.media == "anchor":
            place = locate(document, ("rule", index, "then"))
            text = 'media = "anchor", and no media engine runs: media.mode is "bypass" and media.engines is empty'
            remedy = 'set media.mode = "anchor" in the node file, and media = "bypass" in the rules that want it'
            found.append(Finding(text, remedy=remedy, key=place.key, file=place.file, line=place.line))
    return found


def _check_tests(decoded: Decoded[NodeFile], file: NodeFile, document: Document) -> None:
    """The document's own tests, with the node file's answer to who speaks from an address."""

    def identify(realm: str, address: str) -> str:
        return _trunk_of(file.trunk, realm, address)

    for index, result in enumerate(run_tests(document, identify)):
        for problem in result.problems:
            place = locate(document, ("test", index))
            text = f'the test "{result.name}" fails: {problem}'
            remedy = f'rule "{result.decision.rule}" decided; change the test or the rules'
            decoded.findings.append(Finding(text, remedy=remedy, key=place.key, file=place.file, line=place.line))


def _trunk_of(trunks: Mapping[str, TrunkTable], realm: str, address: str) -> str:
    """As `sbc.routing` does it for live packets, for the few addresses of tests: the longest network wins."""
    best = (-1, "")
    value = ip_address(address)
    for name, trunk in trunks.items():
        if trunk.realm != realm:
            continue
        literals = [target.uri.host.strip("[]") for target in trunk.targets if address_of(target.uri.host) is not None]
        for text in trunk.sources or literals:
            network = ip_network(text)
            if value.version == network.version and value in network and network.prefixlen > best[0]:
                best = (network.prefixlen, name)
    return best[1]
