"""The words of the sandbox's Twitch: languages, games, bots, and the names of people.

Belongs here: lists of names, and drawing names from them. Not here: how many there are and what they do (world).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Language:
    """A broadcast language.

    Attributes:
        code: ISO 639-1, as on Twitch.
        tag: the tag that broadcasters of the language choose.
        utc_offsets: hours by which its speakers' clocks are ahead of UTC.
        share: its weight among the channels.
        titles: titles of broadcasts; `{game}` is replaced by the game.
    """

    code: str
    tag: str
    utc_offsets: tuple[int, ...]
    share: float
    titles: tuple[str, ...]


@dataclass(frozen=True)
class Game:
    """A game or category: its name on Twitch, its tags, and its weight among the channels."""

    name: str
    tags: tuple[str, ...]
    share: float


LANGUAGES = (
    Language(
        "en",
        "English",
        (-7, -6, -5, -4),
        0.34,
        ("{game} until I drop | !discord", "{game} with chat", "road to the top | {game} | !socials"),
    ),
    Language(
        "es",
        "Español",
        (-6, -5, -3, 2, 2),
        0.22,
        ("{game} con amigos | !redes", "noche de {game}", "directo largo | {game}"),
    ),
    Language(
        "pt",
        "Português",
        (-3, -3, -3, 1),
        0.18,
        ("{game} com a galera | !pix", "bora de {game}", "live até tarde | {game}"),
    ),
    Language("ru", "Русский", (3, 3, 5), 0.16, ("{game} с чатом", "вечер {game} | !тг", "играем в {game}")),
    Language("de", "Deutsch", (2,), 0.13, ("{game} mit dem Chat", "Feierabend und {game} | !insta")),
    Language("fr", "Français", (2,), 0.12, ("{game} avec le chat", "soirée {game} | !discord")),
    Language("ja", "日本語", (9,), 0.10, ("{game} 参加型", "まったり {game}")),
    Language("ko", "한국어", (9,), 0.10, ("{game} 같이해요", "오늘도 {game}")),
    Language("it", "Italiano", (2,), 0.07, ("{game} in compagnia", "serata {game} | !social")),
    Language("pl", "Polski", (2,), 0.06, ("{game} z czatem", "wieczór z {game}")),
    Language("tr", "Türkçe", (3,), 0.06, ("{game} keyfi", "akşam yayını | {game}")),
    Language("zh", "中文", (8,), 0.05, ("{game} 開台", "一起玩 {game}")),
)

GAMES = (
    Game("Just Chatting", ("Chatty", "IRL"), 1.0),
    Game("League of Legends", ("MOBA", "Ranked"), 0.8),
    Game("VALORANT", ("FPS", "Ranked"), 0.75),
    Game("Minecraft", ("Survival", "Cozy"), 0.7),
    Game("Grand Theft Auto V", ("Roleplay",), 0.65),
    Game("Counter-Strike", ("FPS", "Esports"), 0.6),
    Game("Fortnite", ("BattleRoyale",), 0.55),
    Game("World of Warcraft", ("MMORPG",), 0.5),
    Game("Dota 2", ("MOBA",), 0.45),
    Game("EA Sports FC 26", ("Sports",), 0.4),
    Game("Chess", ("Strategy",), 0.35),
    Game("Music", ("Singing", "Piano"), 0.3),
)

COMMON_BOTS = ("nightbot", "streamelements", "streamlabs")
RARE_BOTS = ("moobot", "fossabot", "soundalerts")

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
