"""The words of the sandbox's Twitch: languages, games and bots.

Belongs here: lists. Not here: names of people (drawn_names), how many there are and what they do (world).
"""

from dataclasses import dataclass


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
