"""What holds for all tests: shared words are explained as well as tests, and what shares servers stays together."""

import gc
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
ONE_SET_OF_SERVERS = {"api", "chaos", "cli", "consumers", "gateway", "journal", "journey"}
"""Folders whose tests share servers that take seconds to start."""

# How long an example takes says something about the machine, and nothing about the claim.
settings.register_profile("segue", deadline=None)
settings.load_profile("segue")

pytest.register_assert_rewrite("tests.spec", "tests.journey.world")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep those that share servers in one process, when `make test` runs several: else each would start its own."""
    for item in items:
        folder, *_ = parts = item.path.relative_to(TESTS).parts
        callspec = getattr(item, "callspec", None)
        # A world of journeys has one store; journeys on the other have another world.
        store = callspec.params.get("world", "") if callspec and folder == "journey" else ""
        group = f"{folder} {store}" if folder in ONE_SET_OF_SERVERS else "/".join(parts)
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish() -> None:
    """Take what was imported out of the collector's sight, so that a collection costs only what a test made."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Collect garbage after each test: what one leaves open is then told as its own, and fails no later one."""
    gc.collect()
