"""A session border controller: a SIP B2BUA that hides topology and anchors media."""

__version__ = "0.1.0"
