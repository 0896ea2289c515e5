# SPDX-License-Identifier: MIT
"""The errors of the package. Each message says what was wrong, what was expected, and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class BrinkError(Exception):
    """Any error that this package raises on purpose."""


class RunFolderError(BrinkError):
    """A folder is not that of a run, or lacks a file."""


class CommandError(BrinkError):
    """The command ended with an error.

    `code` is its exit code (docs: `brink --help`), `message` what it wrote to standard error.
    """

    def __init__(self, arguments: Sequence[str], code: int, message: str):
        self.arguments, self.code, self.message = list(arguments), code, message
        meaning = EXIT_CODES.get(code, "stopped by a signal" if code < 0 else "")
        super().__init__(f"{message}\n  from `{' '.join(self.arguments)}`, which ended with {code}{f' ({meaning})' if meaning else ''}")


class Interrupted(BrinkError):
    """The command was told to stop; the same call resumes it."""


class MissingData(BrinkError):
    """Files of a data set are missing."""


class TooLarge(BrinkError):
    """A run needs more memory or disk than there is."""


class DamagedResult(BrinkError):
    """A file of a result folder is not what was written there."""


class NotYetRun(BrinkError):
    """A plan asked for a result of a run that has not been made."""


EXIT_CODES = {
    1: "a check did not hold", 2: "usage or settings", 3: "bad data", 4: "input or output", 5: "diverged", 6: "device or memory",
    70: "internal error", 73: "folder in use or already present", 75: "interrupted and resumable",
}
