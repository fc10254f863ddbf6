"""What an import accepted, and what it rejected.

Belongs here: counts and rejections. Not here: printing them (commands.display).
"""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rejection:
    """A file or a row that was not imported.

    Attributes:
        file: relative to the imported folder.
        row: line of the file (the header is line 1), or number of the element in an array; None for the whole file.
        reason: what is wrong, with the value, and what would be right.
    """

    file: str
    row: int | None
    reason: str

    def __str__(self) -> str:
        place = self.file if self.row is None else f"{self.file}, row {self.row}"
        return f"{place}: {self.reason}"


@dataclass
class ImportReport:
    """Counts and rejections of an import, filled while it runs.

    Attributes:
        counts: a number per line of the printed report, in the order in which the importer first counts them.
        rejections: everything that was left out.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)

    def reject(self, file: str, reason: str, *, row: int | None = None) -> None:
        """Record a file or a row that is left out."""
        self.rejections.append(Rejection(file, row, reason))
