"""Speech is held in memory that the process has already."""

import subprocess
import sys

_ANSWERS = """
import resource
from controller.gateway.memory import keep_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def answers():
    before = faults()
    for _ in range(200):
        heard = [b"x" * 176_400 for _ in range(12)]
        b"".join(heard)
    return faults() - before

answers()
given_back = answers()
keep_memory()
answers()
print(given_back, answers())
"""


def test_answers_come_to_lie_where_earlier_ones_lay() -> None:
    """Twelve answers of two seconds ask the kernel for their pages each time they come; once memory is kept, never."""
    told = subprocess.run([sys.executable, "-c", _ANSWERS], check=True, capture_output=True, text=True).stdout
    given_back, kept = map(int, told.split())
    assert given_back > 200
    assert kept < 20
