"""Make the fonts that the pictures are drawn with, out of those of Debian and npm.

    apt-get download fonts-inter fonts-noto-cjk && for each in *.deb; do dpkg-deb -x "$each" sources; done
    npm pack @fontsource/noto-emoji@5.3.2 && tar -C sources -xf fontsource-noto-emoji-*.tgz
    python docs/fonts.py sources

Each is cut to the letters that names are likely to have and renamed, so that no font of the machine is taken for it.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

TARGET = Path(__file__).parents[1] / "vieweratlas_assets/domain/atlas/fonts"
LATIN = {*range(0x20, 0x250), *range(0x2B0, 0x300), *range(0x370, 0x530), *range(0x1E00, 0x1F00)}
SIGNS = {*range(0x2000, 0x2070), *range(0x20A0, 0x20C0), *range(0x2100, 0x2190), *range(0x2190, 0x2200)}
HANGUL = {*range(0xAC00, 0xD7A4), *range(0x3130, 0x3190)}
KANA = {*range(0x3000, 0x3100), *range(0x31F0, 0x3200), *range(0xFF00, 0xFFF0)}


def han() -> set[int]:
    """The characters of the national standards of China, Taiwan, Japan and Korea."""
    found: set[int] = set()
    for encoding, leads in (
        ("gb2312", range(0xA1, 0xFF)),
        ("big5", range(0xA4, 0xC7)),
        ("shift_jis", range(0x81, 0xF0)),
        ("euc_kr", range(0xA1, 0xFF)),
    ):
        pairs = (bytes([lead, trail]) for lead in leads for trail in range(0x40, 0xFF))
        letters = "".join(pair.decode(encoding, "ignore") for pair in pairs)
        found |= {ord(letter) for letter in letters if 0x2E80 <= ord(letter) < 0xFB00}
    return found


def cut(font: TTFont, letters: set[int]) -> None:
    """Leave nothing but these letters, without hints and features that matplotlib does not use."""
    options = subset.Options(layout_features=["kern"], hinting=False, notdef_outline=True, name_IDs=[1, 2, 4, 6, 13])
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=letters)
    cutter.subset(font)


def save(font: TTFont, name: str) -> None:
    """Save a font under a name of its own."""
    for record in list(font["name"].names):
        if record.nameID in (1, 2, 4, 6):
            font["name"].names.remove(record)
    postscript = name.replace(" ", "")
    for number, text in ((1, name), (2, "Regular"), (4, name), (6, postscript)):
        font["name"].setName(text, number, 3, 1, 0x409)
    font["OS/2"].usWeightClass = 400
    font["head"].created = font["head"].modified = 0
    font.recalcTimestamp = False
    ending = "otf" if "CFF " in font else "ttf"
    font.save(TARGET / f"{postscript}.{ending}")


def main(sources: Path) -> None:
    """Make all of them."""
    TARGET.mkdir(exist_ok=True)
    for style, name in (("Medium", "ViewerAtlas Text"), ("ExtraBold", "ViewerAtlas Title")):
        font = TTFont(next(sources.rglob(f"Inter-{style}.otf")))
        cut(font, LATIN | SIGNS)
        save(font, name)
    cjk = TTFont(next(sources.rglob("NotoSansCJK-Bold.ttc")), fontNumber=0)
    cut(cjk, KANA | HANGUL | han())
    save(cjk, "ViewerAtlas CJK")
    emoji = TTFont(next(sources.rglob("noto-emoji-emoji-700-normal.woff")))
    emoji.flavor = None
    save(emoji, "ViewerAtlas Emoji")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
