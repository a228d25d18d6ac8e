"""What a bench writes into a page of docs/: between two markers, whatever people wrote around them."""

from pathlib import Path
from typing import Final

from controller.core.errors import Broken

BEGIN: Final = "<!-- figures begin -->"
END: Final = "<!-- figures end -->"

MET: Final = {True: "yes", False: "**no**", None: ""}
"""Whether a goal is met, in Markdown."""


def put(page: Path, figures: str) -> None:
    """Put text between the markers of a page. Raises Broken when the page or its markers are not there."""
    text = page.read_text() if page.exists() else ""
    if BEGIN not in text or END not in text:
        raise Broken(f"{page} has no lines `{BEGIN}` and `{END}` to put the figures between: restore the page first")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{figures}\n{END}{after}")
