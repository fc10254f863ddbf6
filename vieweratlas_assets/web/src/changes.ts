// What changed since the earlier day: communities, the channels that moved, the largest gains of viewers.

import type { Atlas, Changes } from "./data";
import { element } from "./dom";
import { dayText, signed } from "./text";

const MAX_ROWS = 40;
const MAX_GAINS = 12;

/** A title with rows; a row with a channel or community links to it. */
export interface Section {
  title: string;
  rows: Row[];
}

interface Row {
  text: string;
  figures: string;
  channel?: number;
  community?: number;
}

export function summary(changes: Changes): string {
  const channels = (count: number) => `${count} channel${count === 1 ? "" : "s"}`;
  const since = dayText(changes.since);
  return `Since ${since}: ${channels(changes.joined)} joined the map, ${channels(changes.left)} left it.`;
}

/** The sections that have rows. */
export function sections(atlas: Atlas, changes: Changes): Section[] {
  const { moved } = changes;
  const all = [
    { title: "Born", rows: changes.born.map((id) => communityRow(atlas, id, "")) },
    { title: "Died", rows: changes.died.map((name) => ({ text: name ?? "?", figures: "" })) },
    { title: "Split", rows: changes.split.flatMap((split) => splitRows(atlas, split)) },
    { title: "Merged", rows: changes.merged.map((merged) => mergedRow(atlas, merged)) },
    { title: "Renamed", rows: changes.renamed.map(([id, name]) => communityRow(atlas, id, `was ${name ?? "?"}`)) },
    { title: "Biggest gains", rows: gains(atlas) },
    { title: `Moved (${moved.length})`, rows: moved.slice(0, MAX_ROWS).map((move) => movedRow(atlas, move)) },
  ];
  return all.filter((section) => section.rows.length);
}

/** The change of a channel's rank as a sign, with words for screen readers; null where it is unknown. */
export function rankChange(atlas: Atlas, channel: number): HTMLElement | null {
  if (atlas.isNew(channel)) return element("small", { className: "up", textContent: " new" });
  const rise = atlas.rise(channel);
  if (rise === null) return null;
  const ranks = Math.abs(rise);
  const since = `since ${dayText(atlas.head.changes?.since ?? "")}`;
  const title = rise ? `${ranks} ${rise > 0 ? "up" : "down"} ${since}` : `unchanged ${since}`;
  const sign = rise ? ` ${rise > 0 ? "▲" : "▼"}${ranks}` : " =";
  return element(
    "small",
    { className: rise > 0 ? "up" : rise < 0 ? "down" : "", title },
    element("span", { textContent: sign, ariaHidden: "true" }),
    element("span", { className: "visually-hidden", textContent: title }),
  );
}

function communityRow(atlas: Atlas, id: number, figures: string): Row {
  const community = atlas.communityWithId(id);
  return community === null
    ? { text: "?", figures }
    : { text: atlas.communityAt(community).name, figures, community };
}

function splitRows(atlas: Atlas, split: Changes["split"][number]): Row[] {
  return split.into.map(([id, share]) => {
    const row = communityRow(atlas, id, percent(share));
    return { ...row, text: `${split.from ?? "?"} → ${row.text}` };
  });
}

function mergedRow(atlas: Atlas, merged: Changes["merged"][number]): Row {
  const parts = merged.from.map(([name, share]) => `${name ?? "?"} ${percent(share)}`).join(" + ");
  const row = communityRow(atlas, merged.into, "");
  return { ...row, text: `${parts} → ${row.text}` };
}

function movedRow(atlas: Atlas, [login, from, to]: Changes["moved"][number]): Row {
  const channel = atlas.channelOf(login);
  const figures = `${from ?? "unclustered"} → ${to ?? "unclustered"}`;
  return channel === null ? { text: login, figures } : { text: atlas.nameOf(channel), figures, channel };
}

function gains(atlas: Atlas): Row[] {
  return [...atlas.ranked]
    .map((channel) => ({ channel, gain: atlas.gain(channel) ?? 0 }))
    .filter(({ gain }) => gain > 0)
    .sort((p, q) => q.gain - p.gain)
    .slice(0, MAX_GAINS)
    .map(({ channel, gain }) => ({ text: atlas.nameOf(channel), figures: signed(gain), channel }));
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
