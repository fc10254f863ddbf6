import pytest

from vieweratlas_assets.domain.tagging.languages import language_name

# The languages that Twitch offers to broadcasters.
TWITCH = (
    *(
        "en",
        "id",
        "ca",
        "da",
        "de",
        "es",
        "fr",
        "it",
        "hu",
        "nl",
        "no",
        "pl",
        "pt",
        "ro",
        "sk",
        "fi",
        "sv",
        "tl",
        "vi",
    ),
    *("tr", "cs", "el", "bg", "ru", "uk", "ar", "ms", "hi", "th", "zh", "ja", "ko", "zh-hk", "asl"),
)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("en", "English"),
        ("pt", "Portuguese"),
        ("PT", "Portuguese"),
        (" pt\n", "Portuguese"),
        ("pt-br", "Portuguese"),
        ("zh", "Chinese"),
        ("zh-hk", "Cantonese"),
        ("ZH-HK", "Cantonese"),
        ("asl", "American Sign Language"),
        ("xyzzy", "XYZZY"),
        ("<b>", "<B>"),
        ("", ""),
    ],
)
def test_codes_are_named(code: str, name: str) -> None:
    assert language_name(code) == name


def test_every_language_of_twitch_has_a_name_of_its_own() -> None:
    names = {code: language_name(code) for code in TWITCH}
    assert len(set(names.values())) == len(TWITCH)
    assert [code for code, name in names.items() if len(name) < 4 or name == code.upper()] == []
