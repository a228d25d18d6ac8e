"""What a newcomer sees: one line for each thing that happens, and at the end the way of the rollback."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group
from rich.panel import Panel

from controller.cli.drawing import Console, Part, Table, words
from controller.demo.calm import CORES, shortage
from controller.demo.hops import Rollback
from controller.demo.promise import Otherwise
from controller.demo.report import Measured


class Show:
    """
    Prints as things happen and keeps it all for a picture.

    data: what the demo keeps its history in, and so what `segue` is to ask afterwards.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._console = Console(record=True, width=108)
        self._begun = time.monotonic()

    def member(self, name: str, what: str) -> None:
        """Tell what became of one of the processes."""
        if what == "ready":
            self._line((f"{name} is ready", "dim"))

    def title(self, text: str) -> None:
        """Tell what comes next."""
        self._console.print()
        self._console.print(text, style="bold cyan")

    def happened(self, text: str, style: str = "", *, at: str = "") -> None:
        """Tell that something happened, with the seconds since the demo began. at: when it did, if not just now."""
        self._line((f"{at}  " if at else "", "dim"), (text, style))

    def rollback(self, rollback: Rollback) -> None:
        """Draw the way of the rollback, hop by hop."""
        table = Table(title="the way of the rollback", title_style="bold", expand=True)
        table.add_column("after the first fault", justify="right", no_wrap=True)
        table.add_column("after the webhook", justify="right", no_wrap=True)
        table.add_column("what happened")
        for hop in rollback.hops():
            since_fault_s = (hop.at_ms - rollback.fault_ms) / 1000
            since_webhook_ms = hop.at_ms - rollback.received_ms
            table.add_row(
                f"{since_fault_s:+.3f} s", f"{since_webhook_ms:+.0f} ms" if since_webhook_ms >= 0 else "", hop.what
            )
        self._console.print()
        self._console.print(table)

    def verdict(self, measured: Measured, broken: list[str], folder: Path) -> None:
        """Say whether every promise was kept, and where to look and listen."""
        share = measured.candidate_share_before
        equal = measured.replay_kafka_equal and measured.replay_sql_equal
        lines: list[Part] = [
            f"{measured.requests} utterances, {measured.failed_user_requests} users left without audio",
            f"candidate before the rollback: {share.picked} of {share.of} = {share.share:.1%} "
            f"(promised {share.promised:.0%}; 99.9 % interval {share.low:.1%} to {share.high:.1%})",
            f"webhook to gateway {measured.alert_received_to_applied_ms:.0f} ms; "
            f"first fault to gateway {measured.fault_to_applied_s:.2f} s",
            f"by evidence: promoted in {measured.promotion_s:.0f} s after {measured.mirrored} unheard copies; "
            f"slow found in {measured.evidence_detection_s:.0f} s ({measured.guilty_metric}), "
            f"leak in {measured.leak_detection_s:.0f} s ({measured.leak_guilty_metric})",
            f"{measured.facts} facts; replays from Kafka and SQL {'equal' if equal else 'DIFFER'}; "
            f"{'verified' if measured.verified else 'NOT VERIFIED'} by {measured.checkpoints} signed checkpoints; "
            f"a changed word: {measured.tampering_found or 'NOT FOUND'}",
            f"listen: {short(folder)}/*.wav; measured: {short(folder)}/report.json",
            *((f"NOT KEPT: {sentence}", "bold red") for sentence in broken),
        ]
        title = "every promise was kept" if not broken else f"{len(broken)} promises were not kept"
        inside = Group(*map(words, lines))
        self._console.print(Panel(inside, title=title, border_style="red" if broken else "green"))

    def otherwise(self, came: Otherwise, told: Sequence[str], free: float) -> None:
        """
        Say what was promised, what came instead, and where to read on.

        told: the story of the rollout. free: cores that the machine has for the demo now.
        """
        lines = Table.grid(padding=(0, 2))
        lines.add_column(style="bold", no_wrap=True)
        lines.add_column(overflow="fold")
        lines.add_row("promised", came.promised)
        lines.add_row("instead", words(came.instead, style="red"))
        for number, sentence in enumerate(told):
            lines.add_row("" if number else "its story", self._from_here(sentence))
        if free < CORES:
            lines.add_row("machine", f"it is busy: {shortage(free)}. That may be why: try again when it is calm")
        if came.rollout:
            lines.add_row("ask", f"{self._segue} explain {came.rollout}")
        lines.add_row("logs", f"below {short(self._data)}")
        self._console.print()
        self._console.print(Panel(lines, title="the demo stopped: something else came", border_style="red"))

    def failed(self, why: str) -> None:
        """Say in one sentence why the demo could not go on."""
        self._console.print(words(("the demo stopped:", "bold red"), f" {why}"))

    def save_picture(self, path: Path) -> None:
        """Keep all that was printed as an SVG."""
        self._console.save_svg(str(path), title="make demo")

    def _line(self, *said: tuple[str, str]) -> None:
        began = (f"{time.monotonic() - self._begun:6.1f} s  ", "dim")
        self._console.print(words(began, *((self._from_here(text), style) for text, style in said)))

    @property
    def _segue(self) -> str:
        return f"SEGUE_DATA={short(self._data)} .local/venv/bin/segue"

    def _from_here(self, text: str) -> str:
        # A scene's fact names its folder in full, for whoever reads it may stand anywhere; a story names commands as
        # they are typed where Segue runs.
        return text.replace(f"{Path.cwd()}/", "").replace("(segue ", f"({self._segue} ")


def short(path: Path) -> Path:
    """Return a path as whoever stands in the working directory would type it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
