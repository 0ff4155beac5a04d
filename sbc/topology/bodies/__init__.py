"""Event bodies as another realm may see them: read into typed models, written anew, never copied.

In: a body, its Content-Type and the `View` of who gets it. Out: the body for that realm, or BodyRefused.

Not for: session descriptions (`build_sdp`), and not for deciding what a refusal means to the message.
"""

from sbc.topology.bodies.multipart import Part, format_multipart, is_multipart, parse_multipart
from sbc.topology.bodies.rewrite import ACCEPT, PACKAGES, Rules, rewrite_body
from sbc.topology.bodies.view import DialogIds, View
from sbc.topology.bodies.xml import BodyRefused

__all__ = [
    "ACCEPT",
    "PACKAGES",
    "BodyRefused",
    "DialogIds",
    "Part",
    "Rules",
    "View",
    "format_multipart",
    "is_multipart",
    "parse_multipart",
    "rewrite_body",
]
