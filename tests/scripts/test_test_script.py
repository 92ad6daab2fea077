"""scripts/test.sh from a clean clone, on a part of the tests: what it says, and when it fails."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.checkout import Checkout

pytestmark = pytest.mark.timeout(900)

TESTS = """\
import pytest


def test_made_up_passes() -> None:
    assert True


def test_made_up_skips() -> None:
    pytest.skip("not here")
"""


@pytest.fixture
def made_up(checkout: Checkout) -> Iterator[Path]:
    """Return a test file in the checkout: one test passes, one is skipped."""
    path = checkout.path / "tests/unit/test_made_up.py"
    path.write_text(TESTS)
    yield path
    path.unlink()


def test_test_script_all_good_ends_with_pytests_summary(checkout: Checkout, made_up: Path) -> None:
    """Set-up, linters and tests each have their time; the last line counts the tests."""
    script = checkout.run("scripts/test.sh", str(made_up))
    assert script.wait(600) == 0, script.output
    for linter in ("ruff check", "ruff format", "mypy", "lint-imports", "shellcheck", "shfmt"):
        assert re.search(rf"^PASS {linter} \(\d+ s\)$", script.output, re.MULTILINE)
    assert re.search(r"^Set-up: \d+ s$", script.output, re.MULTILINE)
    assert re.search(r"^Linters: \d+ s$", script.output, re.MULTILINE)
    assert re.search(r"=+ 1 passed, 1 skipped in .*=$", script.output.rstrip())


def test_test_script_all_takes_a_skip_for_a_failure(checkout: Checkout, made_up: Path) -> None:
    """With --all a skipped test fails the run."""
    script = checkout.run("scripts/test.sh", str(made_up), "--", "--all")
    assert script.wait(600) == 1, script.output
    assert re.search(r"=+ 1 failed, 1 passed in .*=$", script.output.rstrip())


def test_test_script_finding_of_a_linter_fails_the_run(checkout: Checkout, made_up: Path) -> None:
    """A linter's finding is shown and fails the run, though every test passes."""
    made_up.write_text(TESTS.replace("assert True", "assert (True)"))
    script = checkout.run("scripts/test.sh", str(made_up), "-k", "passes")
    assert script.wait(600) == 1, script.output
    assert "FAIL ruff format" in script.output
    assert "The tests follow, but this run has failed: ruff format" in script.output
    assert re.search(r"=+ 1 passed, 1 deselected in .*=$", script.output.rstrip())
