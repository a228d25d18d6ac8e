"""What stands behind the ? of an address, read strictly: a name that means nothing there is refused, not overlooked."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from controller.core.errors import Malformed
from controller.wire.moments import time_ms

LARGEST_NUMBER = 2**63 - 1
PAGE = 100
LARGEST_PAGE = 1000


def only(request: Request, *names: str, many: str = "") -> None:
    """Raise HTTPException 400 for any other parameter, an empty one, and one given twice; `many` may be given again."""
    given = [name for name, _ in request.query_params.multi_items()]
    for name, value in request.query_params.multi_items():
        if name not in (*names, many):
            allowed = ", ".join(sorted({*names, many} - {""})) or "none"
            raise HTTPException(400, f"?{name[:40]}= means nothing here; allowed: {allowed}")
        if not value:
            raise HTTPException(400, f"?{name}= is empty; give it a value, or leave it out")
        if name != many and given.count(name) > 1:
            raise HTTPException(400, f"?{name}= is given twice; allowed: once")


def number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """Return a whole number; raises HTTPException 400 for anything else."""
    text = request.query_params.get(name, str(default))
    # Without the look at its length, a page of digits would be too long for int to take.
    if not text.isascii() or not text.isdigit() or len(text) > 19 or not least <= int(text) <= most:
        raise HTTPException(400, f"?{name}= is {text[:40]!r}; allowed: a whole number from {least} to {most}")
    return int(text)


def limit(request: Request) -> int:
    """Return how many are asked for at most, 1 to 1000, 100 when nothing is said."""
    return number(request, "limit", PAGE, 1, LARGEST_PAGE)


def moment(request: Request, name: str) -> int | None:
    """Return a time in milliseconds since 1970 UTC, None when it is left out; raises HTTPException 400."""
    text = request.query_params.get(name)
    try:
        return None if text is None else time_ms(f"?{name}=", text)
    except Malformed as error:
        # A + that is sent as it is arrives as a space.
        hint = "; write + as %2B" if " " in str(text) else ""
        raise HTTPException(400, f"{error}{hint}") from None


def yes(request: Request, name: str) -> bool:
    """Return whether it says true; raises HTTPException 400 for anything but true and false."""
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        raise HTTPException(400, f"?{name}= is {text[:40]!r}; allowed: true, false")
    return text == "true"
