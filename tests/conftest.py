"""What holds for all tests: claims made in shared words are explained as well as those made in tests."""

import pytest

pytest.register_assert_rewrite("tests.spec", "tests.journey.world")
