"""Tests of the ng protocol, its client and the embedded engine."""
