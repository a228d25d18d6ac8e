"""The table at the end of a run: each fault, how often, how soon all was well again, and what was lost."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from controller.cli.drawing import Table
from tests.chaos.real.faults import Fault
from tests.chaos.real.proof import Proof
from tests.chaos.real.run import Happened


@dataclass(frozen=True, slots=True)
class Figures:
    """
    One fault over a run. recovery_s: of each time that ended, in order of size. stuck: how often it never ended.

    Its goal is met when none is stuck and the slowest is within it.
    """

    fault: Fault
    recovery_s: tuple[float, ...]
    stuck: int

    @property
    def met(self) -> bool:
        """Say whether it was always well again in time."""
        return not self.stuck and (self.fault.goal_s is None or self.recovery_s[-1] <= self.fault.goal_s)


def figures(happened: Iterable[Happened]) -> list[Figures]:
    """Return the figures of each fault, in the order of their first time."""
    times: dict[str, list[Happened]] = defaultdict(list)
    for one in happened:
        times[one.fault.name].append(one)
    return [
        Figures(
            group[0].fault,
            tuple(sorted(one.recovery_s for one in group if one.recovery_s is not None)),
            sum(one.recovery_s is None for one in group),
        )
        for group in times.values()
    ]


def table(rows: Iterable[Figures], proof: Proof, title: str) -> Table:
    """Draw it."""
    drawn = Table(title=title)
    drawn.add_column("fault")
    for heading in ("times", "p50 s", "max s", "goal s", "met"):
        drawn.add_column(heading, justify="right")
    for row in rows:
        known = row.recovery_s
        goal = "" if row.fault.goal_s is None else f"{row.fault.goal_s:g}"
        drawn.add_row(
            row.fault.name,
            str(len(known) + row.stuck),
            f"{median(known):.2f}" if known else "",
            f"{known[-1]:.2f}" if known else "never",
            goal,
            "yes" if row.met else "NO",
        )
    drawn.caption = (
        f"{proof.inputs} inputs acknowledged, lost {len(proof.lost)}; {proof.facts} facts, {proof.letters} letters, "
        f"{proof.applied} tables applied, {proof.utterances} utterances, wrong {len(proof.wrong)}"
    )
    return drawn
