"""Profiles in node files, the shipped ones, and the page about them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sbc.config import SWITCHES, Profile
from sbc.config.load import effective, shipped_profiles
from sbc.config.load.profiles_page import profiles_page
from tests.config.test_load import BASE, findings, load, node

PAGE = Path(__file__).resolve().parents[2] / "docs" / "profiles.md"
FOLDER = Path(__file__).resolve().parents[2] / "sbc" / "config" / "profiles"


def test_the_docs_page_is_current() -> None:
    """Write it again with `python -m sbc.config.load.profiles_page > docs/profiles.md`."""
    assert PAGE.read_text(encoding="utf-8") == profiles_page()


def test_every_field_of_a_profile_is_a_switch_with_a_default() -> None:
    fields = {field.name: field.default for field in dataclasses.fields(Profile) if field.name not in ("name", "note")}
    assert fields == {switch.name: switch.default for switch in SWITCHES}


def test_every_switch_has_two_positions_or_more_and_words_for_each() -> None:
    for switch in SWITCHES:
        assert len(switch.choices) > 1, switch.name
        assert len(dict(switch.choices)) == len(switch.choices), switch.name
        assert all(does and "|" not in does for _, does in switch.choices), switch.name
        assert switch.about, switch.name
        assert switch.rfc, switch.name


def test_shipped_profiles_say_what_they_are_for_and_only_what_there_is() -> None:
    shipped = shipped_profiles()
    assert {"teams", "asterisk", "freeswitch", "3cx", "carrier"} <= set(shipped)
    assert set(shipped) == {path.stem for path in FOLDER.glob("*.toml")}
    for name, profile in shipped.items():
        assert profile.note, name
        allowed = {switch.name: dict(switch.choices) for switch in SWITCHES}
        assert [key for key, value in profile.choices.items() if value not in allowed[key]] == [], name


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_file_passes_as_a_profile_of_a_node_file(path: Path) -> None:
    """The strict reading of a node file finds nothing in it."""
    text = path.read_text(encoding="utf-8")
    made = load(node(f'{BASE}profile = "it"\n[profile.it]\n{text}'))
    profile = made.trunks["carrier"].profile
    assert profile is not None
    assert profile.choices == shipped_profiles()[path.stem].choices


def test_a_trunk_and_a_realm_name_a_profile() -> None:
    made = load(
        node(f'{BASE}profile = "carrier"\n[profile.x]\nlike = "teams"\nhold = "zero"\n').replace(
            "trusted = true", 'trusted = true\nprofile = "x"'
        )
    )
    inside = made.realms["inside"]
    assert made.profile_of(inside, "pbx").hold == "zero"
    assert made.profile_of(inside, "pbx").update == "never"
    assert made.profile_of(made.realms["outside"], "carrier").privacy == "anonymise"
    assert made.refer_of("inside", "pbx") == "terminate"
    assert made.refer_of("outside", "carrier") == "refuse"
    shown = effective(made)["realm"]
    assert isinstance(shown, dict)
    assert shown["inside"]["profile"]["name"] == "x"
    assert shown["inside"]["profile"]["hold"] == "zero"
    assert shown["outside"]["profile"] == {"name": "default"}


def test_a_key_of_the_trunk_itself_outdoes_its_profile() -> None:
    made = load(node(f'{BASE}profile = "carrier"\nrefer = "bridge"\n'))
    assert made.refer_of("outside", "carrier") == "bridge"


def test_a_profile_may_be_like_the_shipped_one_of_its_name() -> None:
    made = load(node(f'{BASE}profile = "teams"\n[profile.teams]\nlike = "teams"\nhold = "pass"\n'))
    profile = made.trunks["carrier"].profile
    assert profile is not None
    assert (profile.hold, profile.update) == ("pass", "never")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('hold = "music"', 'profile.x.hold: "music"; allowed: "pass", "sendonly", "inactive", "zero"'),
        ('holding = "zero"', "profile.x.holding: unknown key"),
        ('like = "nortel"', 'no profile "nortel"'),
        ('like = "y"\n[profile.y]\nlike = "x"', "is like itself"),
        ('[profile.y]\nlike = "z"', 'no profile "z"'),
    ],
)
def test_a_wrong_profile_is_told(table: str, words: str) -> None:
    found = findings(node(f"{BASE}[profile.x]\n{table}\n"))
    assert words in "\n".join(found)


def test_a_profile_that_is_not_there_is_told() -> None:
    (found,) = findings(node(f'{BASE}profile = "carier"\n'))
    assert 'trunk.carrier.profile: no profile "carier"' in found
    assert "teams" in found
