"""kafka-python drops the socket of each refused connection unclosed; some scenarios take Kafka away on purpose."""

import gc
import warnings
from typing import Final

FORGIVEN: Final = "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
"""The filter for a scenario in the middle of which such a socket is collected."""


def collect() -> None:
    """Collect a scenario's leaked sockets at its end, so that no later test, nor pytest's own end, meets them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
