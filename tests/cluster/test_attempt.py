"""What is tried again, how often, and after which pause."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.cluster.attempt import LONGEST_PAUSE_S, TRIES, Outcome, attempt, passing, pause
from avvla.errors import UserError


class Step:
    """Raises the errors one after the other, then returns the chunk."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, chunk):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return chunk


def stale():
    return OSError(errno.ESTALE, "Stale file handle")


def told(cause):
    error = UserError("it cannot be read")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        stale(),
        OSError(errno.EIO, "Input/output error"),
        ConnectionResetError(),
        TimeoutError("no answer"),
        told(stale()),
        told(told(BrokenPipeError())),
    ],
)
def test_a_passing_fault_is_waited_out(error, pauses):
    step = Step(error, error)
    assert attempt(step, 5) == Outcome(5)
    assert pauses == [1.0, 2.0]


def test_one_that_does_not_pass_is_told_with_the_tries(pauses):
    step = Step(*[stale() for _ in range(9)])
    assert attempt(step, 5) == Outcome(problem="OSError: [Errno 116] Stale file handle (4 times)")
    assert (step.calls, len(pauses)) == (TRIES, TRIES - 1)


@pytest.mark.parametrize("error", [UserError("it is odd"), told(ValueError()), told(KeyError())])
def test_bad_input_is_told_at_once(error, pauses):
    step = Step(error)
    assert attempt(step, 5) == Outcome(problem=str(error))
    assert (step.calls, pauses) == (1, [])


@pytest.mark.parametrize(
    "error", [ZeroDivisionError(), FileNotFoundError(errno.ENOENT, "no"), PermissionError()]
)
def test_a_defect_keeps_its_type(error, pauses):
    step = Step(error)
    with pytest.raises(type(error)):
        attempt(step, 5)
    assert (step.calls, pauses) == (1, [])


@given(st.sampled_from(sorted(errno.errorcode)))
def test_a_full_or_missing_place_does_not_pass(number):
    lasting = {errno.ENOSPC, errno.ENOENT, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.ENOTDIR}
    if number in lasting:
        assert not passing(OSError(number, "text"))


@given(st.integers(0, 200))
def test_pauses_grow_to_a_limit(number):
    assert pause(number) <= pause(number + 1) <= LONGEST_PAUSE_S
