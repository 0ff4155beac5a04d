"""Tests of the media session."""
