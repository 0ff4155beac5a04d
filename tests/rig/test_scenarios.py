"""Our SIPp scenarios hold on a machine that is slow: what a peer repeats is no reason to give a call up."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.xml"))


def unprepared(scenario: ElementTree.Element) -> list[str]:
    """Requests that two or more messages follow, where the wait after these has no place for the same once more."""
    found, asked, sent, open_to = [], "", 0, set[str]()
    for step in scenario:
        if step.tag == "send":
            sent += 1
        elif step.tag == "recv" and step.get("optional") == "true":
            if step.get("advance_state") == "false":
                open_to.add(step.get("request", ""))
        elif step.tag == "recv":
            if asked and sent > 1 and asked not in open_to:
                found.append(asked)
            asked, sent, open_to = step.get("request", ""), 0, set()
    return found


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_request_that_comes_again_is_let_be(path: Path) -> None:
    """SIPp knows a copy only by what it sent next: after a second message it takes the copy for another request and
    aborts the call. A copy comes wherever an answer takes T1 (RFC 3261 17.1.1.2), so the wait that follows lists it.
    """
    assert unprepared(ElementTree.parse(path).getroot()) == []


def test_the_rule_sees_what_is_missing() -> None:
    """One answer is enough for SIPp to know a copy, two are not."""
    text = '<scenario><recv request="INVITE"/><send/>{}<recv request="ACK"/></scenario>'
    assert unprepared(ElementTree.fromstring(text.format(""))) == []
    assert unprepared(ElementTree.fromstring(text.format("<send/>"))) == ["INVITE"]
    again = '<send/><recv request="INVITE" optional="true" advance_state="false"/>'
    assert unprepared(ElementTree.fromstring(text.format(again))) == []
