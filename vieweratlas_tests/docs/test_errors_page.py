"""docs/errors.md against the code: every error of the tree is on the page, in its branch, and no other."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import vieweratlas_assets
from vieweratlas_assets.errors import VieweratlasError
from vieweratlas_tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs/errors.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `(\w+Error)` \| `([\w/]+\.py)` \| (yes|no) \| .+ \|$", re.MULTILINE)
# Alembic alone runs migrations; a cluster alone runs the job.
NOT_IMPORTED = ("vieweratlas_assets.vods.migrations", "vieweratlas_assets.spark")


def import_package() -> None:
    """Import every module of the package, so that every subclass exists."""
    for module in pkgutil.walk_packages(vieweratlas_assets.__path__, f"{vieweratlas_assets.__name__}."):
        if not module.name.startswith(NOT_IMPORTED):
            importlib.import_module(module.name)


def tree(root: type[VieweratlasError] = VieweratlasError) -> Iterator[type[VieweratlasError]]:
    """The errors of the package, the root first."""
    yield root
    for child in root.__subclasses__():
        if child.__module__.startswith(f"{vieweratlas_assets.__name__}."):
            yield from tree(child)


def branch_of(error: type[VieweratlasError]) -> str:
    """The name of the branch that an error belongs to."""
    return error.__mro__[error.__mro__.index(VieweratlasError) - 1].__name__


def module_of(error: type[VieweratlasError]) -> str:
    """The file of an error, as the page writes it."""
    return error.__module__.removeprefix(f"{vieweratlas_assets.__name__}.").replace(".", "/") + ".py"


def test_every_error_is_on_the_page_and_no_other() -> None:
    import_package()
    errors = {error.__name__: (module_of(error), "yes" if error.retryable else "no") for error in tree()}
    rows = [(name, (module, retryable)) for name, module, retryable in _ROW.findall(PAGE)]
    assert len(errors) > 20
    assert sorted(rows) == sorted(errors.items())


def test_every_error_stands_under_its_branch() -> None:
    import_package()
    branches = {child.__name__ for child in VieweratlasError.__subclasses__()}
    [figure] = re.findall(r"^```\nVieweratlasError\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"─ (\w+) ", figure)) == branches
    sections = {
        heading: [row[0] for row in _ROW.findall(text)]
        for heading, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    }
    for error in set(tree()) - {VieweratlasError}:
        with_section = branch_of(error) in sections
        assert error.__name__ in sections[branch_of(error) if with_section else "Others"]
