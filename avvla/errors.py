"""The one exception that a person is meant to read."""


class UserError(Exception):
    """Bad input, told in one line: what was got, what was expected, what to do.

    Stages and the command line print its text to standard error and exit with code 1; every other
    exception is a defect of avvla and keeps its traceback.
    """
