"""What an import took in and what it could not.

Belongs here: counting and naming. Not here: showing it (commands).
"""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rejection:
    """Something that was not taken in.

    Attributes:
        file: as found, relative to the folder imported.
        row: line of the file, the header being 1; None for the whole file.
        reason: what is wrong, and with which value.
    """

    file: str
    row: int | None
    reason: str

    def __str__(self) -> str:
        place = self.file if self.row is None else f"{self.file}, row {self.row}"
        return f"{place}: {self.reason}"


@dataclass
class ImportReport:
    """Running account of an import.

    Attributes:
        counts: how many of what, in the words of the importer, in the order in which they first came up.
        rejections: everything that was left out.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)

    def reject(self, file: str, reason: str, *, row: int | None = None) -> None:
        """Note something that is left out."""
        self.rejections.append(Rejection(file, row, reason))
