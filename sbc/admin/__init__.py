"""The control socket: HTTP and JSON over a Unix socket with mode 0660, one table of operations, written up as OpenAPI.

In: a `Node` to ask and to command. Out: answers for `sbc status`, `calls`, `trace`, `drain`, `reload`, and for
`curl --unix-socket`.

Not for: deciding anything. Who may open the socket may command the node; there is no other check here.
"""

from sbc.admin.operations import OPERATIONS, Json, Node, Operation
from sbc.admin.relay import RelayServer
from sbc.admin.server import ControlServer
from sbc.admin.socket import ControlError, open_control_socket
from sbc.admin.standby import StandbyServer
from sbc.admin.trace import Record, Recorder, Trace

__all__ = [
    "OPERATIONS",
    "ControlError",
    "ControlServer",
    "Json",
    "Node",
    "Operation",
    "Record",
    "Recorder",
    "RelayServer",
    "StandbyServer",
    "Trace",
    "open_control_socket",
]
