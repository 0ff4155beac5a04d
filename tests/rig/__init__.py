"""The acceptance rig: namespaces with disjoint addresses, a tap per realm, real peers on either side, an independent
oracle.

In: what the product is told (a node file) and what peers do (SIPp scenarios, scripted user agents, baresip, Kamailio,
rtpengine). Out: assertions about what is seen on the wires, by readers that import nothing of the product. `Rig` is
the door; `needs` says what this machine lacks; `oracle.find_leaks` judges packets; `python -m tests.rig.suites` runs
other people's scenarios.

Not for: the product's own logic, which has its tests beside it without sockets.
"""
