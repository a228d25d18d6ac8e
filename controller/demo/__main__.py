"""`make demo`."""

import signal
import sys

from httpx import HTTPError
from kafka.errors import KafkaError

from controller.core.errors import SegueError
from controller.demo.show import Show, short
from controller.demo.story import tell
from controller.parts.installed import local_folder


def main() -> int:
    """Play the demo. Exit status: 0 every promise was kept, 1 one was not, 130 it was interrupted."""
    # A plain kill, too, must end what was started: it leaves through the contexts, as Ctrl-C does. Both are set, for a
    # shell that starts this in the background has Ctrl-C ignored.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    folder = local_folder() / "demo"
    show = Show(folder / "segue")
    try:
        kept = tell(folder, show)
        show.save_picture(folder / "demo.svg")
    except (SegueError, TimeoutError, HTTPError, KafkaError) as error:
        show.failed(f"{error} (logs are below {short(folder / 'segue')})")
        return 1
    except KeyboardInterrupt:
        show.failed("interrupted; everything it started has ended")
        return 130
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
