"""Kamailio as a neighbour: a proxy that masks topology with topoh where the node would stand, or a registrar."""

from __future__ import annotations

from pathlib import Path

from tests.rig.namespaces import INSIDE_NODE, INSIDE_PEERS, OUTSIDE_NODE
from tests.rig.node import PBX_PORT
from tests.rig.process import Process

_CONFIG = f"""#!KAMAILIO
debug=0
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
mhomed=1
listen=udp:{OUTSIDE_NODE}:5060
listen=udp:{INSIDE_NODE}:5070
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "topoh.so"
modparam("rr", "enable_double_rr", 1)
modparam("topoh", "mask_key", "a key of the rig")
modparam("topoh", "mask_ip", "127.0.0.8")
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        loose_route();
        t_relay();
        exit;
    }}
    t_check_trans();
    record_route();
    $du = "sip:{INSIDE_PEERS[0]}:{PBX_PORT}";
    t_relay();
}}
"""


_BY_TCP = (
    ("disable_tcp=yes\n", "tcp_children=1\n"),
    ("listen=udp:", "listen=tcp:"),
    (f"{INSIDE_PEERS[0]}:{PBX_PORT}", f"{INSIDE_PEERS[0]}:{PBX_PORT};transport=tcp"),
)


class Kamailio:
    """One Kamailio in a namespace that has the node's addresses, by UDP or by TCP alone."""

    def __init__(self, directory: Path, namespace: str, *, by_tcp: bool = False) -> None:
        config = _CONFIG
        for udp, tcp in _BY_TCP if by_tcp else ():
            config = config.replace(udp, tcp)
        (directory / "kamailio.cfg").write_text(config)
        argv = ["kamailio", "-DD", "-E", "-m", "256", "-M", "16", "-Y", str(directory), "-w", str(directory)]
        argv += ["-f", str(directory / "kamailio.cfg"), "-P", str(directory / "pid")]
        self.process = Process(argv, namespace=namespace, log=directory / "kamailio.log", cwd=directory)
        wait = self.process.wait_for_tcp if by_tcp else self.process.wait_for_udp
        wait(OUTSIDE_NODE, 5060)
        wait(INSIDE_NODE, 5070)


_REGISTRAR = """#!KAMAILIO
debug=0
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
listen=udp:{host}:{port}
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_mode", 0)
modparam("auth", "qop", "auth")
request_route {{
    if (!is_method("REGISTER")) {{ sl_send_reply("405", "Method Not Allowed"); exit; }}
    if (!pv_www_authenticate("{realm}", "{password}", "0")) {{
        www_challenge("{realm}", "1");
        exit;
    }}
    consume_credentials();
    save("location");
    exit;
}}
"""


class Registrar:
    """A Kamailio in the place of the PBX that keeps Contacts of whoever knows the password of `realm`."""

    def __init__(self, directory: Path, namespace: str, realm: str, password: str) -> None:
        values = {"host": INSIDE_PEERS[0], "port": PBX_PORT, "realm": realm, "password": password}
        (directory / "kamailio.cfg").write_text(_REGISTRAR.format(**values))
        argv = ["kamailio", "-DD", "-E", "-m", "64", "-M", "8", "-Y", str(directory), "-w", str(directory)]
        argv += ["-f", str(directory / "kamailio.cfg"), "-P", str(directory / "pid")]
        self.process = Process(argv, namespace=namespace, log=directory / "kamailio.log", cwd=directory)
        self.process.wait_for_udp(INSIDE_PEERS[0], PBX_PORT)

    def stop(self) -> None:
        """End it."""
        self.process.stop(3)
