"""The shared kit of the tests: a node in virtual time, and peers that speak SIP by script."""
