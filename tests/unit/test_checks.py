"""Checks: one form for all validators, roots told from what follows from them."""

import msgspec

from stockstream.errors import KafkaUnavailable
from stockstream.ops.checks import Check, CheckFailed, Checks, CheckSkipped, Status


def failing(error: Exception) -> Checks:
    """Return checks of which `root` fails with this error and two follow from each other."""

    def fail() -> None:
        raise error

    checks = Checks()
    checks.run("root", fail)
    checks.run("follower", lambda: "never looked at", after=["root"])
    checks.run("its follower", lambda: "never looked at", after=["follower"])
    checks.run("other", lambda: "3 found")
    return checks


def test_checks_failure_names_what_follows_from_it() -> None:
    """What cannot be checked because of a failure is skipped, and the root is named."""
    checks = failing(CheckFailed("expected 3, observed 2"))
    assert [str(check) for check in checks.done] == [
        "FAIL root: expected 3, observed 2",
        "SKIP follower: follows from root",
        "SKIP its follower: follows from root",
        "PASS other: 3 found",
    ]
    assert checks.summary() == [
        "FAIL root: expected 3, observed 2",
        "     not checked because of it: follower, its follower",
        "1 passed, 1 failed, 2 skipped",
    ]
    assert checks.exit_code == 1


def test_checks_error_of_ours_is_a_failure() -> None:
    """An error that stockstream raises fails the check, in its own words and on one line."""
    checks = failing(KafkaUnavailable("no broker answers\nat a:1"))
    assert str(checks.done[0]) == "FAIL root: no broker answers at a:1"


def test_checks_error_that_nobody_foresaw_is_a_failure() -> None:
    """A fault of the validator's own fails the check with its type, and the others are run."""
    checks = failing(KeyError("status"))
    assert str(checks.done[0]) == "FAIL root: KeyError: 'status'"
    assert str(checks.done[-1]) == "PASS other: 3 found"
    assert checks.exit_code == 1


def test_checks_skipped_one_holds_up_nothing() -> None:
    """A check that cannot be looked at here fails nothing, and nothing follows from it."""
    checks = failing(CheckSkipped("not installed"))
    assert [check.status for check in checks.done] == [
        Status.SKIP, Status.PASS, Status.PASS, Status.PASS,
    ]  # fmt: skip
    assert checks.exit_code == 0


def test_checks_nothing_looked_at_is_a_failure() -> None:
    """A validator that has checked nothing has not passed."""
    assert Checks().exit_code == 1
    assert "nothing was checked" in Checks().summary()[-1]


def test_checks_json_tells_each_check_and_the_totals() -> None:
    """The JSON has every check with its root, the totals and the verdict."""
    found = msgspec.json.decode(failing(CheckFailed("x")).json())
    assert (found["passed"], found["failed"], found["skipped"], found["ok"]) == (1, 1, 2, False)
    check = msgspec.convert(found["checks"][1], Check)
    assert check == Check("follower", Status.SKIP, "follows from root", "root")
