"""Names of made-up people and channels.

Belongs here: word lists, and drawing names from them. Not here: how many there are and what they do (world).
"""

import numpy as np
import polars as pl

_FIRST_WORDS = (
    "Dark Mister Little Big Real The Super Ninja Its Sir Captain Crazy Pixel Neo Ultra King Lady Shadow Fire Ice"
    " Toxic Happy Sleepy Lucky Silent Frozen Golden Iron Wild Lazy Mad Cosmic Electric Tiny Royal Rusty Velvet Lunar"
    " Solar Hollow Brave Salty Spicy Nova Don Dona El Mega Turbo Young Old Blue Red Green Night Day Winter Summer"
)
_SECOND_WORDS = (
    "Wolf Gamer Panda Fox Hunter Dragon Cat Dog Mage Sniper Potato Ghost Knight Cookie Zombie Rider Wizard Monkey"
    " Bear Tiger Moon Star Storm Banana Duck Sushi Taco Viking Samurai Raven Otter Falcon Lemon Comet Badger Koala"
    " Goblin Pirate Rocket Mango Penguin Shark Turtle Waffle Pickle Noodle Hawk Owl Lynx Cobra Phoenix Titan Pepper"
    " Muffin Biscuit Robin Marta Luis Ana Ivan Lena Hugo Nico Maya Leo Vera Max Oleg Bruno Carla Diego Elsa"
)
_VIEWER_ENDINGS = ("", *(f"{number:02d}" for number in range(100)), *(str(year) for year in range(1980, 2013)))
_CHANNEL_ENDINGS = ("", "", "TV", "_TV", "Live", "GG", "Plays", "LoL", "Official", "Streams", "xo")


def draw_viewer_names(generator: np.random.Generator, count: int, taken: set[str]) -> list[str]:
    """Draw `count` unique display names as viewers choose them; none is in `taken` (lowercase) as a login."""
    return _draw_names(generator, count, taken, _VIEWER_ENDINGS)


def draw_channel_names(generator: np.random.Generator, count: int, taken: set[str]) -> list[str]:
    """Draw `count` unique display names as broadcasters choose them; none is in `taken` (lowercase) as a login."""
    return _draw_names(generator, count, taken, _CHANNEL_ENDINGS)


def _draw_names(generator: np.random.Generator, count: int, taken: set[str], endings: tuple[str, ...]) -> list[str]:
    names = pl.DataFrame(schema={"name": pl.String, "login": pl.String})
    used = pl.Series(sorted(taken), dtype=pl.String)
    while names.height < count:
        batch = count + 100
        # Some names end in a number, so that the words suffice for any count.
        number = generator.integers(0, 10_000, batch).astype(str)
        parts = pl.DataFrame(
            {
                "first": _pick(generator, _FIRST_WORDS.split(), batch),
                "joint": _pick(generator, ("", "", "", "_"), batch),
                "second": _pick(generator, _SECOND_WORDS.split(), batch),
                "ending": _pick(generator, endings, batch),
                "number": np.where(generator.random(batch) < 0.15, number, ""),
            }
        )
        drawn = parts.select(pl.concat_str(pl.all()).alias("name"))
        drawn = drawn.with_columns(login=pl.col("name").str.to_lowercase())
        drawn = drawn.filter(pl.col("login").str.len_chars() <= 25, ~pl.col("login").is_in(used.implode()))
        names = pl.concat([names, drawn]).unique("login", keep="first", maintain_order=True)
    return names["name"].head(count).to_list()


def _pick(generator: np.random.Generator, words: list[str] | tuple[str, ...], count: int) -> pl.Series:
    return pl.Series(words, dtype=pl.String).gather(generator.integers(0, len(words), count))
