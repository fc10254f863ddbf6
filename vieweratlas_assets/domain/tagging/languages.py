"""Names of languages.

Belongs here: the English name of a language code. Not here: which language a community speaks (labels).
"""

from functools import cache

from babel import Locale

# Twitch's codes that CLDR lacks or names differently.
TWITCH_CODES = {"asl": "American Sign Language", "zh-hk": "Cantonese"}


@cache
def language_name(code: str) -> str:
    """English name of an ISO 639 code, such as 'pt' -> 'Portuguese'; unknown codes are returned in upper case."""
    folded = code.strip().lower()
    if folded in TWITCH_CODES:
        return TWITCH_CODES[folded]
    names = Locale("en").languages
    name = names.get(folded.replace("-", "_")) or names.get(folded.split("-")[0])
    return str(name) if name else code.strip().upper()
