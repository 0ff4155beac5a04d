"""What the engine holds: bytes for each call that is up, and for each that ended while its transactions linger.

`python -m tests.bench.memory [calls]` prints both, as Python's allocator counts them (the process holds a little more).
The messages that come in, and the ring of `sbc trace`, are not counted.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc

from sbc.reception import RECORDED
from tests.bench import script

_WARM = RECORDED // 10  # calls that fill the ring of recorded messages first


def held(calls: int, *, ended: bool) -> float:
    """Bytes the engine holds for each of so many calls, all within one linger of transactions."""
    inputs = script.record(_WARM + calls, hang_up=ended)
    engine = script.engine()
    start = script.position(inputs, _WARM)
    script.play(engine, inputs[:start])
    gc.collect()
    tracemalloc.start()
    script.play(engine, inputs[start:])
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return size / calls


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"held call: {held(wanted, ended=False):,.0f} bytes")
    print(f"ended call, transactions lingering: {held(wanted, ended=True):,.0f} bytes")
