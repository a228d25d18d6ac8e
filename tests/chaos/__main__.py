"""`make chaos`: real faults under load, one after the other, and a table of what became of each."""

import argparse
import json
import random
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from controller.cli.drawing import Console, words
from controller.parts.installed import local_folder
from tests.chaos.real.disks import may_mount, with_own_mounts
from tests.chaos.real.faults import CATALOGUE, Fault
from tests.chaos.real.report import figures, table
from tests.chaos.real.run import busy, running

_NAMES = [fault.name for fault in CATALOGUE]


def main() -> int:
    """Run them; exit status 1 when something was lost, wrong or late."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=__doc__,
        epilog="example: python -m tests.chaos --faults 40 --only Kafka --seed 7",
    )
    parser.add_argument("--faults", type=int, default=300, help="how many (default: 300)")
    parser.add_argument("--minutes", type=float, default=40, help="begin no fault after so many minutes (default: 40)")
    parser.add_argument("--seed", type=int, default=1, help="draws whom each fault befalls, and when (default: 1)")
    parser.add_argument("--store", choices=("postgresql", "sqlite"), default="postgresql", help="default: postgresql")
    parser.add_argument("--only", action="append", metavar="TEXT", help="only faults with this in their name")
    parser.add_argument("--list", action="store_true", help="name all faults and end")
    chosen = parser.parse_args()
    with_own_mounts([sys.executable, "-m", "tests.chaos", *sys.argv[1:]])
    if chosen.list:
        print("\n".join(_NAMES))
        return 0
    if not may_mount():
        print("faults of disks are left out: only root may mount small ones", file=sys.stderr)
    only = [text.casefold() for text in chosen.only or [""]]
    faults = [
        fault
        for fault in CATALOGUE
        if any(text in fault.name.casefold() for text in only)
        and chosen.store in fault.stores
        and (may_mount() or not fault.disk)
    ]
    if not faults:
        parser.error(f"no fault has {' or '.join(chosen.only)} in its name; --list names all")
    return _run(chosen.store, drawn(faults, chosen.faults, chosen.seed), chosen.minutes, chosen.seed)


def drawn(faults: Sequence[Fault], number: int, seed: int) -> list[Fault]:
    """Return so many faults, each as often as any other, in an order of the seed's."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    order: list[Fault] = []
    while len(order) < number:
        order += chance.sample(faults, len(faults))
    return order[:number]


def _run(store: str, faults: Sequence[Fault], minutes: float, seed: int) -> int:
    folder = local_folder() / "chaos"
    shutil.rmtree(folder, ignore_errors=True)
    out, progress = Console(width=120), Console(stderr=True, width=120)
    end_s = time.monotonic() + minutes * 60
    with running(folder, store, seed=seed) as run:
        with busy(run):
            for number, fault in enumerate(faults, 1):
                if time.monotonic() > end_s:
                    progress.print(f"{minutes:g} minutes are over; {len(faults) - number + 1} faults are left out")
                    break
                one = run.befall(fault)
                took = "never" if one.recovery_s is None else f"{one.recovery_s:.2f} s"
                progress.print(f"{number}/{len(faults)} {fault.name} ({one.stage}, {one.member}): {took}")
        proof = run.prove()
        happened = list(run.happened)
    rows = figures(happened)
    for sentence in (*proof.lost, *proof.wrong):
        out.print(words(sentence, style="bold red"))
    out.print(table(rows, proof, f"{len(happened)} real faults on {store}, seed {seed}"))
    report = {
        "store": store,
        "seed": seed,
        "faults": [
            {"name": row.fault.name, "goal_s": row.fault.goal_s, "recovery_s": row.recovery_s, "stuck": row.stuck}
            for row in rows
        ],
        "proof": asdict(proof),
    }
    _written(local_folder() / "bench" / f"chaos-{store}.json", report)
    return 0 if not (proof.lost or proof.wrong) and all(row.met for row in rows) else 1


def _written(path: Path, report: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
