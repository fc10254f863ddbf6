"""What a viewer's name becomes: the one place that decides it, at the door of the lake and on every rebuild.

Belongs here: folding, pseudonyms, opt-outs, and finding a viewer under every form of the name. Not here: where the
key and the opt-out list come from (privacy), taking a name out of what is stored (storage.erasure).

A pseudonym is MARK and the first 24 hex digits of HMAC-SHA256(key, folded login). No Twitch login holds a dot, so
that a pseudonym is never taken for a login, nor the other way round; and the mark needs no quotes in Parquet, CSV,
SQL, URLs and shells, and makes no spreadsheet read a number or a formula. With n viewers, two of them get the same
pseudonym with a chance of about n² / 2^97: 6e-16 at 10 million, 6e-12 at a billion.
HMAC: https://www.rfc-editor.org/rfc/rfc2104
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable

import polars as pl

MARK = "p."
PSEUDONYM_DIGITS = 24
SHORTEST_KEY = 32
_PSEUDONYM = re.compile(rf"{re.escape(MARK)}[0-9a-f]{{{PSEUDONYM_DIGITS}}}")


def folded(name: pl.Expr) -> pl.Expr:
    """A name as it is compared: lowercase, without blanks around it."""
    return name.str.strip_chars().str.to_lowercase()


def fold(names: Iterable[str]) -> list[str]:
    """Names as they are compared, in the same order."""
    series = pl.Series("name", list(names), dtype=pl.String)
    return series.to_frame().select(folded(pl.col("name"))).to_series().to_list()


def distinct_chatters(chatters: pl.Expr) -> pl.Expr:
    """Fold a list of names, drop blanks and nulls, make it distinct and sort it; pseudonyms stay what they are."""
    name = folded(pl.element())
    return chatters.list.eval(name.filter(name.is_not_null() & (name != "")).unique().sort())


def is_pseudonym(name: str) -> bool:
    """Whether a folded name is a pseudonym already."""
    return _PSEUDONYM.fullmatch(name) is not None


class ViewerNames:
    """What becomes of viewers' names: plain or pseudonymous, and whose are not stored at all.

    Immutable. The key is not kept, only an HMAC that was begun with it: no attribute, repr, copy or pickle gives it
    away.
    """

    __slots__ = ("_keyed", "_opted_out", "_opted_out_channels", "_pseudonymous")

    def __init__(
        self,
        *,
        pseudonymous: bool = False,
        key: bytes | None = None,
        opted_out_viewers: Iterable[str] = (),
        opted_out_channels: Iterable[str] = (),
    ) -> None:
        """Settle what names become.

        Args:
            pseudonymous: store pseudonyms; what is a pseudonym already stays as it is.
            key: at least SHORTEST_KEY bytes. With plain names it serves to know a viewer by a pseudonym that was
                stored earlier.
            opted_out_viewers: names or pseudonyms of those who are never stored.
            opted_out_channels: logins of channels whose presence is never stored.

        Raises:
            ValueError: pseudonymous without a key, or the key is too short.
        """
        if pseudonymous and key is None:
            raise ValueError("pseudonymous names need a key")
        if key is not None and len(key) < SHORTEST_KEY:
            raise ValueError(f"the key has {len(key)} bytes; it must have at least {SHORTEST_KEY}")
        self._pseudonymous = pseudonymous
        self._keyed = None if key is None else hmac.new(key, digestmod=hashlib.sha256)
        self._opted_out = frozenset(filter(None, fold(opted_out_viewers)))
        self._opted_out_channels = frozenset(filter(None, fold(opted_out_channels)))

    def __repr__(self) -> str:
        return (
            f"ViewerNames({self.mode}, {len(self._opted_out)} viewer(s) and "
            f"{len(self._opted_out_channels)} channel(s) opted out)"
        )

    @property
    def mode(self) -> str:
        """ "plain" or "pseudonymous"."""
        return "pseudonymous" if self._pseudonymous else "plain"

    @property
    def changes_stored(self) -> bool:
        """Whether names that are folded already can become others, or nothing."""
        return bool(self._pseudonymous or self._opted_out or self._opted_out_channels)

    @property
    def opted_out_viewers(self) -> frozenset[str]:
        """Viewers who are never stored, as the list names them, folded."""
        return self._opted_out

    def described(self) -> dict[str, str]:
        """The mode, and a check value by which keys can be told apart and nothing else; both may be published."""
        check = {} if self._keyed is None else {"pseudonym_key_check": self._digest("key check")[:8]}
        return {"viewer_names": self.mode, **check}

    def fingerprint(self) -> str:
        """Changes with the mode, the key and the opt-outs; "" for plain names with neither.

        Begun with the key where there is one. Without a key, somebody who guesses the whole opt-out list can confirm
        it: keep it in the lake, do not publish it.
        """
        if self._keyed is None and not self.changes_stored:
            return ""
        told = json.dumps([self.mode, sorted(self._opted_out), sorted(self._opted_out_channels)])
        return self._digest(told)[:16]

    def keeps_channel(self, channel: str) -> bool:
        """Whether presence in this channel (folded) may be stored."""
        return channel not in self._opted_out_channels

    def without_opted_out(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows of any table with a column channel (folded), without the channels that opted out."""
        return rows.filter(~pl.col("channel").is_in(sorted(self._opted_out_channels), nulls_equal=True))

    def stored(self, names: pl.Series) -> pl.Series:
        """What each name becomes; null where it is blank, null or opted out.

        Args:
            names: strings; a name may stand there any number of times and costs one HMAC.
        """
        frame = pl.DataFrame({"name": names})
        known = self._table(frame["name"].unique())
        joined = frame.join(known, on="name", how="left", maintain_order="left", nulls_equal=True)
        return joined["stored"].rename(names.name)

    def chatters(self, lists: pl.Series) -> pl.Series:
        """Lists of names as they are stored: without blanks, nulls and opt-outs, distinct and sorted.

        Args:
            lists: lists of strings; a null list stays null.
        """
        if not self.changes_stored:
            return lists.to_frame().select(distinct_chatters(pl.col(lists.name))).to_series()
        flat = pl.DataFrame({"name": lists}).with_row_index("row").explode("name", empty_as_null=False)
        named = flat.join(self._table(flat["name"].unique()), on="name", how="inner").drop_nulls("stored")
        kept = named.group_by("row").agg(pl.col("stored").unique().sort())
        rows = pl.DataFrame({"listed": lists}).with_row_index("row").join(kept, on="row", how="left")
        nobody = pl.lit([], dtype=pl.List(pl.String))
        found = rows.sort("row").select(
            pl.when(pl.col("listed").is_not_null()).then(pl.col("stored").fill_null(nobody)).alias(lists.name)
        )
        return found.to_series()

    def apply(self, presence: pl.DataFrame) -> pl.DataFrame:
        """Presence as it may be stored: without opted-out channels, names as they become, viewer_count following.

        Args:
            presence: schema PRESENCE, or at least channel (folded), chatters and viewer_count. Names are folded.
        """
        if not self.changes_stored:
            return presence
        kept = self.without_opted_out(presence)
        return kept.with_columns(self.chatters(kept["chatters"]).alias("chatters")).with_columns(
            pl.col("chatters").list.len().cast(presence.schema["viewer_count"]).alias("viewer_count")
        )

    def forms(self, names: Iterable[str]) -> frozenset[str]:
        """Every form under which these viewers may stand in the lake: folded, and with a key as a pseudonym."""
        plain = [name for name in fold(names) if name]
        return frozenset(plain) | frozenset(self._pseudonym(name) for name in plain if self._keyed is not None)

    def is_owner(self, audience: pl.DataFrame) -> pl.Series:
        """Whether the viewer of each row is the channel itself, under any form of its login.

        Args:
            audience: at least channel and viewer, stored names.
        """
        owners = audience["channel"].unique().sort()
        named = pl.col("viewer") == pl.col("channel")
        if self._keyed is not None and owners.len():
            pseudonyms = [self._pseudonym(name) for name in fold(owners)]
            named |= pl.col("viewer") == pl.col("channel").replace_strict(owners, pseudonyms, return_dtype=pl.String)
        return audience.select(named.alias("is_owner")).to_series()

    def _table(self, names: pl.Series) -> pl.DataFrame:
        """Columns name (as given, distinct) and stored (null = not stored)."""
        table = pl.DataFrame({"name": names}).with_columns(folded(pl.col("name")).alias("plain"))
        plain = table["plain"].to_list()
        by_pseudonym = self._keyed is not None and any(map(is_pseudonym, self._opted_out))
        forms = plain
        if self._pseudonymous or by_pseudonym:
            forms = [self._pseudonym(name) if name else name for name in plain]
        hidden = self.forms(self._opted_out)
        kept = forms if self._pseudonymous else plain
        stored = [
            name if name and was not in hidden and form not in hidden else None
            for name, was, form in zip(kept, plain, forms, strict=True)
        ]
        return table.select("name", pl.Series("stored", stored, dtype=pl.String))

    def _pseudonym(self, name: str) -> str:
        return name if is_pseudonym(name) else f"{MARK}{self._digest(name)[:PSEUDONYM_DIGITS]}"

    def _digest(self, text: str) -> str:
        begun = hashlib.sha256() if self._keyed is None else self._keyed.copy()
        begun.update(text.encode())
        return begun.hexdigest()


PLAIN = ViewerNames()
