"""
`segue`: one verb, one file; whatever a verb needs is imported when it is called, so that the help is quick.

Exit codes: 0 done, 1 refused or failed, 2 not understood, 3 a neighbour (Kafka, SQL, whoever decides, ...) is away: try
again, unless it says that the order stands; 130 interrupted by Ctrl-C.
Read `app` first. What never lives here: decisions. A verb publishes a message, or reads what was recorded.
"""

import sys
from typing import Final

_INTERRUPTED: Final = 130


def main() -> None:
    """Run the command line; an error that we know is one sentence and an exit code, never a traceback."""
    from controller.cli.answers import code_of
    from controller.cli.app import app
    from controller.cli.plain import say
    from controller.core.errors import SegueError

    try:
        app(prog_name="segue")
    except SegueError as error:
        say(f"segue: {error}", err=True, lines=True)
        sys.exit(code_of(error))
    except SystemExit as ending:
        if ending.code == _INTERRUPTED:
            say("segue: interrupted", err=True)
        raise
