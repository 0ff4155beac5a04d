"""Values that cross are made of words and numbers that RFCs define."""

from __future__ import annotations

import pytest

from sbc.topology import Value
from sbc.topology.values import MAKERS, make

HISTORY_486 = "<sip:1@d.example;cause=486?Reason=SIP%3Bcause%3D486>;index=1"


@pytest.mark.parametrize(
    ("value", "peer", "crossing"),
    [
        (Value.REASON, 'Q.850;cause=16;text="Terminated by pbx.corp.local"', "Q.850;cause=16"),
        (Value.REASON, 'SIP ;cause=200 ;text="x, y", q.850;cause=17;location=LN', "SIP;cause=200, Q.850;cause=17"),
        (Value.REASON, "X.corp;cause=1", ""),
        (Value.REASON, 'Q.850;text="no cause"', ""),
        (Value.NUMBER, "120 (pbx.corp.local is busy);duration=60", "120"),
        (Value.NUMBER, "soon", ""),
        (Value.NUMBER, "12345678901", ""),
        (Value.PRIVACY, "ID; user ;x-corp", "id;user"),
        (Value.PRIORITY, "Emergency", "emergency"),
        (Value.PRIORITY, "team-blue", ""),
        (Value.ALERT, "<urn:alert:service:call-waiting>", "<urn:alert:service:call-waiting>"),
        (Value.ALERT, "<urn:alert:pbx7.corp.local>, <urn:alert:locale:it>", "<urn:alert:locale:it>"),
        (Value.ALERT, "<urn:alert:service:call-waiting:acme@corp.example>, <urn:alert:source:pbx7>", ""),
        (Value.ALERT, "<http://10.20.0.5/ring.wav>, <urn:alert:source:internal>;x=1", "<urn:alert:source:internal>"),
        (Value.EVENT, "dialog;id=7;call-id=abc@10.20.0.5;to-tag=x", "dialog;id=7"),
        (Value.EVENT, "presence.winfo", "presence.winfo"),
        (Value.EVENT, "refer;id=pbx", "refer"),
        (Value.STATE, "active;expires=600;x=pbx", "active;expires=600"),
        (Value.STATE, "Terminated;reason=noresource;retry-after=9", "terminated;reason=noresource;retry-after=9"),
        (Value.STATE, "x-corp", ""),
        (Value.TOKEN, "supported, gated;x=pbx", "supported, gated"),
        (Value.TOKEN, "a b", ""),
        (Value.DISPOSITION, "Info-Package;handling=optional;x=y", "info-package;handling=optional"),
        (Value.DISPOSITION, "by-pbx", ""),
        (Value.IDENTITY, '"A" <sip:a@10.20.0.5>;x=1, <tel:+4930111>', '"A" <sip:a@d.example>, <tel:+4930111>'),
        (Value.PARTY, "<sip:1@10.20.0.5>;party=calling;screen=yes;x=pbx", "<sip:1@d.example>;party=calling;screen=yes"),
        (Value.PARTY, '<sip:1@h>;reason="no-answer";counter=2', "<sip:1@d.example>;reason=no-answer;counter=2"),
        (Value.PARTY, "<sip:1@h>;reason=pbx.corp.local", "<sip:1@d.example>"),
        (Value.HISTORY, "<sip:1@h;cause=486?Reason=SIP%3Bcause%3D486%3Btext%3D%22h%22>;index=1", HISTORY_486),
        (
            Value.HISTORY,
            '"A" <sip:1@h;user=phone>;index=1;rc=1.1;mp=x@h',
            '"A" <sip:1@d.example;user=phone>;index=1;rc=1.1',
        ),
        (Value.HISTORY, "<tel:+491>;index=1.2;np=1", "<tel:+491>;index=1.2;np=1"),
        (Value.HISTORY, "<sip:1@h>", ""),
        (Value.WARNING, '370 10.20.0.5:5060 "10 kbit/s on pbx7"', '370 d.example "Insufficient bandwidth"'),
        (Value.WARNING, '399 pbx "pbx7 says no", 301 pbx "x"', '301 d.example "Incompatible network address formats"'),
        (Value.USER_DATA, "56a390f3;encoding=hex;purpose=isdn-uui;x=pbx", "56a390f3;encoding=hex;purpose=isdn-uui"),
        (Value.USER_DATA, '"call me at pbx";encoding=text', ""),
        (Value.LOCATION, "<https://lis.example/1>;x=y, <cid:1@pbx>", "<https://lis.example/1>"),
        (Value.VERBATIM, "as it is", "as it is"),
    ],
)
def test_what_crosses_of_a_value(value: Value, peer: str, crossing: str) -> None:
    assert make(MAKERS[value], peer, "d.example") == crossing


@pytest.mark.parametrize("value", [one for one in Value if one is not Value.VERBATIM])
@pytest.mark.parametrize(
    "peer", ["", ";", ",", '"', "<", "a=;b", ";;=", "<sip:", "\udcff\udcfe", "<sip:a@b>;=", "," * 50]
)
def test_nothing_crosses_of_a_value_that_breaks_its_grammar(value: Value, peer: str) -> None:
    assert make(MAKERS[value], peer, "d.example") == ""


def test_every_kind_of_value_has_its_maker() -> None:
    assert set(MAKERS) == set(Value)
