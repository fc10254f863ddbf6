"""The branches of the tree of errors: their lines, their built-in base, and whether a retry may help."""

import pytest

from vieweratlas_assets.errors import (
    InputError,
    LakeStateError,
    SettingsError,
    StorageError,
    TwitchError,
    VieweratlasError,
)

BRANCHES = {
    SettingsError: ValueError,
    InputError: ValueError,
    StorageError: RuntimeError,
    TwitchError: RuntimeError,
    LakeStateError: LookupError,
}


def test_settings_have_one_line_per_fault() -> None:
    error = SettingsError("root is ''", "analysis.seed is 'x'")
    assert error.lines == ["root is ''", "analysis.seed is 'x'"]
    assert str(error) == "root is ''\nanalysis.seed is 'x'"
    assert error.args == ("root is ''", "analysis.seed is 'x'")


@pytest.mark.parametrize("branch", [branch for branch in BRANCHES if branch is not SettingsError])
def test_any_other_error_has_its_message_as_its_line(branch: type[VieweratlasError]) -> None:
    # A LookupError must not put its message in quotes, as a KeyError does.
    assert branch("the lake is empty").lines == [str(branch("the lake is empty"))] == ["the lake is empty"]


@pytest.mark.parametrize(("branch", "base"), BRANCHES.items())
def test_an_error_can_be_caught_without_our_tree(branch: type[VieweratlasError], base: type[Exception]) -> None:
    with pytest.raises(base):
        raise branch("wrong")


def test_every_branch_is_tested() -> None:
    branches = [
        error for error in VieweratlasError.__subclasses__() if error.__module__ == VieweratlasError.__module__
    ]
    assert branches == list(BRANCHES)


def test_only_a_failure_of_storage_may_pass_by_itself() -> None:
    assert [branch for branch in BRANCHES if branch.retryable] == [StorageError]
