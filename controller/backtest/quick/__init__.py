"""
Windows that change no decision, folded by machine code: the core's additions and multiplications, in the core's order.

The core decides. This only takes windows of which nothing would follow but that they were measured, and leaves the
state as the core would have left it, bit for bit; at the first of which more might follow it stops, and the core
decides that one. `scan` and `text` read windows as they are written, `likelihoods` and `timings` mirror
`controller/core/evidence`, `memories` its `memory`; `tracks` and `windows` fold, `follows` says whether to stop.
`places` says where each number stands; `arrays`, `asked` and `state` turn a rollout into what that takes, and back.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numba

from controller.core import evidence

_SOURCES = sorted(path for place in (__file__, evidence.__file__) for path in Path(place or "").parent.glob("*.py"))
_SUM = sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:16]

# numba makes anew what it kept only when the function's own file has changed. What it calls, and the core's constants
# in it, stand in other files, and machine code of an older evidence must never decide.
numba.config.CACHE_DIR = str(Path(numba.config.CACHE_DIR or Path(__file__).parent / "__pycache__") / _SUM)  # type: ignore[attr-defined]  # set as numba is imported

_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": False}
compiled = numba.njit(**_OPTIONS)
"""
Makes machine code of a function that makes no array: whoever calls it brings the room that it needs.

numba counts at each call and each slice who holds an array, and for histograms of some ten buckets that took four
fifths of the time. Without the count (`_nrt`) no array can be made. Nothing is divided by 0, so nobody asks.
"""
