"""Faults that a person can mend.

Belongs here: the mark that they bear. Not here: the faults, each with those who raise it.
"""


class Mendable(Exception):
    """A fault that a person can mend by what its message says: the command line shows that and no traceback."""
