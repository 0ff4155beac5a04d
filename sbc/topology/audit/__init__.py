"""The egress audit: finished bytes against what the other side must not show through.

In: the bytes of a message, the realm they go to, and what both legs have shown (`Learned`). Out: `Finding`s, none for
nearly every message. `clean` takes findings out of a message where it can live without the fields.

Not for: deciding what follows from a finding (the engine), and never for building a message: it shares no rule with the
table, so that each catches the other's mistakes.
"""

from sbc.topology.audit.audit import Audit, Finding
from sbc.topology.audit.clean import clean
from sbc.topology.audit.learned import Learned
from sbc.topology.audit.units import all_units

__all__ = ["Audit", "Finding", "Learned", "all_units", "clean"]
