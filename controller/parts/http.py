"""Ask a part over HTTP whether it is ready."""

import http.client

from controller.parts.ports import LOOPBACK


def answers_ok(port: int, path: str, host: str = LOOPBACK) -> bool:
    """Whether GET path on a port of this machine answers 200 within a second."""
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
