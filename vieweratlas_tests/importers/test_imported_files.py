"""Records of imported files: the latest counts, a replacement is remembered, a broken piece is reported."""

import datetime as dt

from vieweratlas_assets.domain import lake
from vieweratlas_assets.importers.imported_files import FileRecord, ImportedFiles
from vieweratlas_assets.importers.report import ImportReport
from vieweratlas_assets.storage.local import LocalStore

HOURS = tuple(dt.datetime(2020, 3, 1, hour, tzinfo=dt.UTC) for hour in (12, 13))


def read(store: LocalStore, report: ImportReport | None = None) -> ImportedFiles:
    return ImportedFiles(store, "import-live", report or ImportReport())


def test_a_version_is_done_only_without_rejections(store: LocalStore) -> None:
    read(store).add([FileRecord("a.json", "one", None, 5, 0, HOURS), FileRecord("b.json", "two", "UTC", 5, 1, HOURS)])

    files = read(store)

    assert files.history("a.json").is_done("one")
    assert not files.history("a.json").is_done("another version")
    assert not files.history("b.json").is_done("two")
    assert files.history("b.json").other_zone("Europe/Berlin") == "UTC"
    assert files.history("b.json").other_zone("UTC") is None
    assert files.history("a.json").hours == set(HOURS)
    assert files.history("unknown.json").versions == {}


def test_a_file_marked_for_replacement_keeps_its_hours_until_it_is_imported_again(store: LocalStore) -> None:
    read(store).add([FileRecord("a.json", "one", None, 5, 0, HOURS)])
    read(store).mark_for_replacement(["a.json", "unknown.json"])

    marked = read(store)
    assert marked.history("a.json").must_replace
    assert not marked.history("a.json").is_done("one")
    assert marked.history("a.json").hours == set(HOURS)
    marked.add([FileRecord("a.json", "one", None, 5, 0, HOURS[1:])])

    replaced = read(store).history("a.json")
    assert not replaced.must_replace
    assert replaced.is_done("one")
    assert replaced.hours == set(HOURS[1:])


def test_a_piece_that_cannot_be_read_is_reported_and_the_others_count(store: LocalStore) -> None:
    files = read(store)
    for name in ("a.json", "b.json"):
        files.add([FileRecord(name, "one", None, 5, 0, HOURS)])
    first, _ = store.list_files(lake.imported_files("import-live"))
    store.upload_bytes(first, b"PAR1 broken")
    report = ImportReport()

    files = read(store, report)

    assert [rejection.file for rejection in report.rejections] == [first]
    assert "the files in it are imported again" in report.rejections[0].reason
    assert not files.history("a.json").is_done("one")
    assert files.history("b.json").is_done("one")
