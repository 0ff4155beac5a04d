"""Entity tags that stand for a server's: bounded, of one realm, for as long as the publication lasts."""

from __future__ import annotations

from sbc.call import EntityTag, EntityTags
from sbc.mint import Mint


def test_tag_is_found_by_its_token_in_its_realm_while_it_lasts() -> None:
    """RFC 3903 section 4.1."""
    tags = EntityTags()
    token = tags.show(EntityTag("state-1", "outside", "pbx", 100.0), Mint(bytes(32)))
    found = tags.find(token, "outside", 99.0)
    assert found is not None
    assert found.tag == "state-1"
    assert tags.find(token, "inside", 99.0) is None
    assert tags.find("state-1", "outside", 99.0) is None
    assert tags.find(token, "outside", 101.0) is None
    assert len(tags) == 0


def test_oldest_tags_give_way() -> None:
    """A publisher that never stops costs no more than the bound."""
    tags, mint = EntityTags(3), Mint(bytes(32))
    tokens = [tags.show(EntityTag(f"state-{n}", "outside", "pbx", 100.0), mint) for n in range(5)]
    assert len(tags) == 3
    assert [tags.find(token, "outside", 0.0) is not None for token in tokens] == [False, False, True, True, True]
    tags.forget(tokens[4])
    assert tags.find(tokens[4], "outside", 0.0) is None
