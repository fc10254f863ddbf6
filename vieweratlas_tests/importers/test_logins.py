"""Which texts can be a Twitch login."""

import pytest

from vieweratlas_assets.importers.logins import as_login


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("xQcOW", "xqcow"),
        (" under_score ", "under_score"),
        ("7", "7"),
        ("a" * 25, "a" * 25),
        ("a" * 26, None),
        ("_leading", None),
        ("two words", None),
        ("日本", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_login_is_folded_and_any_other_value_is_none(text: object, login: str | None) -> None:
    assert as_login(text) == login
