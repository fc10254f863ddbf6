// What changed since the earlier day: communities that came, went, split and merged; who moved; who won viewers.

import type { Atlas, Changes } from "./data";
import { dayText, element, signed } from "./text";

const MOST_ROWS = 40;
const MOST_GAINS = 12;

/** What a panel shows of it: a title and rows that may lead somewhere. */
export interface Section {
  title: string;
  rows: { text: string; figures: string; channel?: number; community?: number }[];
}

export function summary(changes: Changes): string {
  const times = (count: number, what: string) => `${count} channel${count === 1 ? "" : "s"} ${what}`;
  return `Since ${dayText(changes.since)}: ${times(changes.joined, "joined the map")}, ${times(changes.left, "left it")}.`;
}

export function sections(atlas: Atlas, changes: Changes): Section[] {
  const found = [
    { title: "Born", rows: changes.born.map((id) => ofCommunity(atlas, id, "")) },
    { title: "Died", rows: changes.died.map((name) => ({ text: name ?? "?", figures: "" })) },
    { title: "Split", rows: changes.split.flatMap((each) => splitRows(atlas, each)) },
    { title: "Merged", rows: changes.merged.map((each) => mergedRow(atlas, each)) },
    { title: "Renamed", rows: changes.renamed.map(([id, name]) => ofCommunity(atlas, id, `was ${name ?? "?"}`)) },
    { title: "Biggest gains", rows: gains(atlas) },
    { title: `Moved (${changes.moved.length})`, rows: changes.moved.slice(0, MOST_ROWS).map((each) => movedRow(atlas, each)) },
  ];
  return found.filter((section) => section.rows.length);
}

/** Where a channel stood before: a word for its rank. */
export function rankChange(atlas: Atlas, channel: number): HTMLElement | null {
  if (atlas.isNew(channel)) return element("small", { className: "up", textContent: " new" });
  const rise = atlas.rise(channel);
  if (rise === null) return null;
  const places = Math.abs(rise);
  const since = `since ${dayText(atlas.head.changes?.since ?? "")}`;
  const word = rise ? `${places} ${rise > 0 ? "up" : "down"} ${since}` : `unchanged ${since}`;
  const sign = element("span", { textContent: rise ? ` ${rise > 0 ? "▲" : "▼"}${places}` : " =", ariaHidden: "true" });
  const told = element("span", { className: "unseen", textContent: word });
  return element("small", { className: rise > 0 ? "up" : rise < 0 ? "down" : "", title: word }, sign, told);
}

type Row = Section["rows"][number];

function ofCommunity(atlas: Atlas, id: number, figures: string): Row {
  const community = atlas.communityWithId(id);
  return community === null ? { text: "?", figures } : { text: atlas.head.communities[community].name, figures, community };
}

function splitRows(atlas: Atlas, split: Changes["split"][number]): Row[] {
  return split.into.map(([id, share]) => {
    const row = ofCommunity(atlas, id, percent(share));
    return { ...row, text: `${split.from ?? "?"} → ${row.text}` };
  });
}

function mergedRow(atlas: Atlas, merged: Changes["merged"][number]): Row {
  const parts = merged.from.map(([name, share]) => `${name ?? "?"} ${percent(share)}`).join(" + ");
  const row = ofCommunity(atlas, merged.into, "");
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
    .slice(0, MOST_GAINS)
    .map(({ channel, gain }) => ({ text: atlas.nameOf(channel), figures: signed(gain), channel }));
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
