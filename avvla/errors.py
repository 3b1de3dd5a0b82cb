"""The one exception that a person is meant to read, and the check that raises it most."""


class UserError(Exception):
    """Bad input, told in one line: what was got, what was expected, what to do.

    Stages and the command line print its text to standard error and exit with code 1. So does the
    command line with what the machine refuses (OSError); every other exception is a defect of avvla
    and keeps its traceback.
    """


def one_of[Name: str](what: str, given: str, known: tuple[Name, ...]) -> Name:
    """`given` as one of the `known` names; `what` says in the message whose name it is.

    Raises:
        UserError: it is none of them.
    """
    for name in known:
        if given == name:
            return name
    raise UserError(f"{what} is {given!r}, expected {' or '.join(known)}")
