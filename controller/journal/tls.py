"""TLS towards PostgreSQL as the database's address asks for it, in libpq's words; asyncpg understands them in a DSN."""

import os
from typing import Final
from urllib.parse import quote

from sqlalchemy.engine import URL

from controller.core.errors import Malformed

_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_HOW: Final = "write ?sslmode=verify-full&sslrootcert=/etc/segue/authority.pem behind the database's name"


def apart(url: URL) -> tuple[URL, str]:
    """
    Return an address without what it says of TLS, and that as a DSN; "" when it says nothing.

    SQLAlchemy's own `?ssl=MODE` means `?sslmode=MODE`. Raises Malformed naming what is no mode, no file, or unknown.
    """
    asked = {name: value for name, value in url.query.items() if name.startswith("ssl")}
    if not asked:
        return url, ""
    if unknown := sorted(set(asked) - {"ssl", "sslmode", *_FILES}):
        raise Malformed(f"the database's address asks for {unknown[0]}, which is not known here; {_HOW}")
    if len({"ssl", "sslmode"} & set(asked)) > 1:
        raise Malformed(f"the database's address has both ssl and sslmode; {_HOW}")
    told = {name: value if isinstance(value, str) else value[-1] for name, value in asked.items()}
    if "ssl" in told:
        told["sslmode"] = told.pop("ssl")
    mode = told.get("sslmode", "")
    if mode not in _MODES:
        raise Malformed(
            f"the database's address has the sslmode {mode[:80]!r}; give one of {', '.join(_MODES)}: {_HOW}"
        )
    for name in _FILES:
        if name in told and not os.access(told[name], os.R_OK):
            raise Malformed(f"the database's address names the {name} {told[name]!r}, which cannot be read; {_HOW}")
    said = "&".join(f"{name}={quote(value, safe='')}" for name, value in told.items())
    return url.difference_update_query(asked), f"postgresql://?{said}"
