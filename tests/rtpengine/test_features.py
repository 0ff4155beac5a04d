"""What an engine lacks is known before a call needs it."""

from __future__ import annotations

from rtpengine import (
    PROBED,
    Capabilities,
    Codecs,
    Feature,
    Offer,
    Options,
    Probe,
    Record,
    Recording,
    Reply,
    Selector,
    SubscribeRequest,
)

UNKNOWN = Reply({"result": b"error", "error-reason": b"Unrecognized command"})
KNOWN = Reply({"result": b"error", "error-reason": b"No call-id in message"})


def answered(*lacking: Feature) -> Capabilities:
    """As an engine without those features has answered."""
    capabilities = Capabilities()
    for feature in PROBED:
        capabilities.learn(feature, UNKNOWN if feature in lacking else KNOWN)
    return capabilities


def test_probe_has_no_keys_and_so_does_nothing() -> None:
    """Only the name is looked at."""
    assert Probe(Feature.MESH).to_dict() == {"command": "mesh"}


def test_release_is_told_by_the_newest_command_that_is_known() -> None:
    """The protocol has no version field."""
    assert answered().release == "26.1 or later"
    assert answered(Feature.MESH, Feature.CREATE).release == "13.3 or later"
    every = (Feature.PAUSE_RECORDING, Feature.CONNECT, Feature.TRANSFORM, Feature.CREATE, Feature.MESH)
    assert answered(*every).release == "before 11.3"


def test_command_that_is_lacking_is_named() -> None:
    """10.5.3 cannot pause a recording."""
    capabilities = answered(Feature.PAUSE_RECORDING)
    assert capabilities.lacking_for(Record(Recording.PAUSE, "c")) is Feature.PAUSE_RECORDING
    assert capabilities.lacking_for(Record(Recording.START, "c")) is None


def test_engine_owns_up_in_its_statistics() -> None:
    """The embedded engine answers a wish for transcoding as if there were none, so it says so beforehand."""
    capabilities = answered()
    offer = Offer("c", "a", b"", options=Options(codecs=Codecs(transcode=("opus",))))
    assert capabilities.lacking_for(offer) is None
    capabilities.learn_statistics(Reply({"statistics": {"lacking": [b"transcoding", b"what?", 1]}}))
    assert capabilities.lacking_for(offer) is Feature.TRANSCODING
    assert capabilities.lacking_for(Offer("c", "a", b"", options=Options(codecs=Codecs(strip=("PCMU",))))) is None


def test_nothing_is_held_against_an_engine_that_was_not_asked() -> None:
    """Older code paths go on working."""
    capabilities = Capabilities()
    assert capabilities.lacking_for(SubscribeRequest("c", Selector(everybody=True))) is None
    capabilities.learn_statistics(Reply({"statistics": b"?"}))
    assert all(capabilities.has(feature) for feature in Feature)
