"""Other people's SIPp scenarios run through the node: each classified in `table`, run by `run`, printed by `report`.

`python -m tests.rig.suites [--suite NAME] [--direct] [--json] [--record]`. `--direct` leaves the node out: what fails
there fails by itself and is not held against the node.
"""
