"""The report of an import: what was counted and rejected, in the order in which it happened."""

import pytest

from vieweratlas_assets.importers.report import ImportReport, Rejection


@pytest.mark.parametrize(
    ("row", "text"), [(None, "a.csv: is empty"), (1, "a.csv, row 1: is empty"), (0, "a.csv, row 0: is empty")]
)
def test_a_rejection_names_its_file_its_row_and_the_reason(row: int | None, text: str) -> None:
    report = ImportReport()
    report.reject("a.csv", "is empty", row=row)
    assert list(map(str, report.rejections)) == [text]


def test_two_reports_share_nothing_and_keep_their_order() -> None:
    one, other = ImportReport(), ImportReport()
    one.counts["rows"] += 2
    one.counts["days"] += 1
    one.counts["rows"] += 1
    one.reject("b.csv", "late", row=7)
    one.reject("a.csv", "early")
    assert list(one.counts.items()) == [("rows", 3), ("days", 1)]
    assert one.rejections == [Rejection("b.csv", 7, "late"), Rejection("a.csv", None, "early")]
    assert (other.counts, other.rejections) == ({}, [])
