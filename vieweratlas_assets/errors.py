"""The errors that a person can fix: one tree, with a branch for each kind of remedy.

Belongs here: the root and the branches. Not here: the leaves (each next to the code that raises it), reporting an
error to Dagster (defs.failures) or at the terminal (cli). Every module may import this one.

    VieweratlasError
    ├── SettingsError      change a setting, an option or an environment variable
    ├── InputError         mend a file, a table or a plug-in that you bring
    ├── StorageError       make the lake or the queue reachable, or repair what is in it
    ├── TwitchError        mend credentials or endpoints, or wait for Twitch
    └── LakeStateError     import, collect or materialize what is missing first
"""

from typing import ClassVar


class VieweratlasError(Exception):
    """An error that a person can fix; the message says what is wrong and what to do.

    The command line prints the message without a traceback and exits with 1; an asset fails with it.

    Attributes:
        retryable: whether the same call may succeed later although nobody changes anything.
    """

    retryable: ClassVar[bool] = False

    @property
    def lines(self) -> list[str]:
        """The message, one line per fault."""
        return [str(self)]


class SettingsError(VieweratlasError, ValueError):
    """Settings are unknown or impossible; the message names each with its value, its origin and what is allowed.

    Attributes:
        args: one text per fault.
    """

    @property
    def lines(self) -> list[str]:
        """One line per fault."""
        return [str(fault) for fault in self.args]

    def __str__(self) -> str:
        return "\n".join(self.lines)


class InputError(VieweratlasError, ValueError):
    """A file, a table or a plug-in cannot be used as it is; the message names it and the place in it."""


class StorageError(VieweratlasError, RuntimeError):
    """A store or a database failed; the message names the URI, the reason and the remedy."""

    retryable = True


class TwitchError(VieweratlasError, RuntimeError):
    """Twitch refused a request or did not answer it."""


class LakeStateError(VieweratlasError, LookupError):
    """The lake lacks what was asked for; the message names the command or the asset that makes it."""
