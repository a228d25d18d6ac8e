"""What holds for all tests: claims made in shared words are explained as well as those made in tests."""

import pytest
from hypothesis import settings

# How long an example takes says something about the machine, and nothing about the claim.
settings.register_profile("segue", deadline=None)
settings.load_profile("segue")

pytest.register_assert_rewrite("tests.spec", "tests.journey.world")
