"""How viewers' names are stored. This module alone decides it, on every write to the lake and on every rebuild.

Belongs here: folding, pseudonyms, opt-outs, and the forms in which a viewer may be stored. Not here: reading the key
and the opt-out list (wiring.viewer_names), erasing names from stored files (storage.erasure).

A pseudonym is MARK and the first 24 hex digits of HMAC-SHA256(key, folded login). Twitch logins contain no dots, so
pseudonyms and logins cannot be mistaken for each other. MARK needs no quotes in Parquet, CSV, SQL, URLs and shells,
and spreadsheets do not read it as a number or formula. Two of n viewers get the same pseudonym with a probability of
about n² / 2^97: 6e-16 at 10 million, 6e-12 at a billion.
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
    """The folded name, for comparison: lowercase, without surrounding blanks."""
    return name.str.strip_chars().str.to_lowercase()


def fold(names: Iterable[str]) -> list[str]:
    """The folded names, in the same order."""
    series = pl.Series("name", list(names), dtype=pl.String)
    return series.to_frame().select(folded(pl.col("name"))).to_series().to_list()


def distinct_chatters(chatters: pl.Expr) -> pl.Expr:
    """Fold a list of names, drop blanks, nulls and duplicates, and sort it; pseudonyms do not change."""
    name = folded(pl.element())
    return chatters.list.eval(name.filter(name.is_not_null() & (name != "")).unique().sort())


def is_pseudonym(name: str) -> bool:
    """Whether a folded name is a pseudonym."""
    return _PSEUDONYM.fullmatch(name) is not None


class ViewerNames:
    """How viewers' names are stored: as plain names or pseudonyms, and which names are never stored.

    Immutable. The object keeps an HMAC initialized with the key instead of the key, so no attribute, repr, copy or
    pickle reveals it.
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
        """Set how names are stored.

        Args:
            pseudonymous: store pseudonyms; names that are pseudonyms already do not change.
            key: at least SHORTEST_KEY bytes. With plain names, it recognizes viewers by pseudonyms stored earlier.
            opted_out_viewers: names or pseudonyms of viewers who are never stored.
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
        """Either "plain" or "pseudonymous"."""
        return "pseudonymous" if self._pseudonymous else "plain"

    @property
    def changes_stored(self) -> bool:
        """Whether a folded name can change or be dropped when it is stored."""
        return bool(self._pseudonymous or self._opted_out or self._opted_out_channels)

    @property
    def opted_out_viewers(self) -> frozenset[str]:
        """Viewers who are never stored, in the forms of the opt-out list, folded."""
        return self._opted_out

    def described(self) -> dict[str, str]:
        """The mode, and a check value that only distinguishes keys; both may be published."""
        check = {} if self._keyed is None else {"pseudonym_key_check": self._digest("key check")[:8]}
        return {"viewer_names": self.mode, **check}

    def fingerprint(self) -> str:
        """A digest of the mode, the key and the opt-outs; "" for plain names without key and opt-outs.

        It is keyed if there is a key. Without a key, anyone who guesses the whole opt-out list can confirm the guess:
        keep the fingerprint in the lake, and do not publish it.
        """
        if self._keyed is None and not self.changes_stored:
            return ""
        settings = json.dumps([self.mode, sorted(self._opted_out), sorted(self._opted_out_channels)])
        return self._digest(settings)[:16]

    def keeps_channel(self, channel: str) -> bool:
        """Whether presence in this channel (folded) may be stored."""
        return channel not in self._opted_out_channels

    def without_opted_out(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows of any table with a column channel (folded), without channels that opted out."""
        return rows.filter(~pl.col("channel").is_in(sorted(self._opted_out_channels), nulls_equal=True))

    def stored(self, names: pl.Series) -> pl.Series:
        """The stored form of each name; null for names that are blank, null or opted out.

        Args:
            names: strings; each distinct name takes one HMAC.
        """
        frame = pl.DataFrame({"name": names})
        known = self._table(frame["name"].unique())
        joined = frame.join(known, on="name", how="left", maintain_order="left", nulls_equal=True)
        return joined["stored"].rename(names.name)

    def chatters(self, lists: pl.Series) -> pl.Series:
        """Lists of names in stored form: without blanks, nulls and opt-outs, distinct and sorted.

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
        chatters = rows.sort("row").select(
            pl.when(pl.col("listed").is_not_null()).then(pl.col("stored").fill_null(nobody)).alias(lists.name)
        )
        return chatters.to_series()

    def apply(self, presence: pl.DataFrame) -> pl.DataFrame:
        """Presence in stored form: without opted-out channels, with names in stored form, and viewer_count updated.

        Args:
            presence: schema PRESENCE, or at least channel (folded), chatters (folded) and viewer_count.
        """
        if not self.changes_stored:
            return presence
        kept = self.without_opted_out(presence)
        return kept.with_columns(self.chatters(kept["chatters"]).alias("chatters")).with_columns(
            pl.col("chatters").list.len().cast(presence.schema["viewer_count"]).alias("viewer_count")
        )

    def forms(self, names: Iterable[str]) -> frozenset[str]:
        """Every form in which these viewers may be stored: folded, and with a key also as pseudonym."""
        plain = [name for name in fold(names) if name]
        return frozenset(plain) | frozenset(self._pseudonym(name) for name in plain if self._keyed is not None)

    def is_owner(self, audience: pl.DataFrame) -> pl.Series:
        """Whether the viewer of each row is the channel itself, in any form of its login.

        Args:
            audience: at least channel and viewer, in stored form.
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
        digest = hashlib.sha256() if self._keyed is None else self._keyed.copy()
        digest.update(text.encode())
        return digest.hexdigest()


PLAIN = ViewerNames()
