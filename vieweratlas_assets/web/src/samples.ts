// Small days for tests, with the columns that day_data.py writes.

import { Atlas, type Changes, type Column, type Community, type Head, NONE } from "./data";

interface SampleChannel {
  login: string;
  name?: string;
  viewers?: number | null;
  community?: number | null;
  game?: string;
  language?: string;
  x?: number;
  y?: number;
  radius?: number;
  viewersBefore?: number | null;
  rankBefore?: number | null;
}

interface SampleLink {
  ends: [login: string, other: string];
  shared?: number | null;
  score?: number | null;
  /** In 255ths. */
  strength?: number;
}

export interface SampleDay {
  date?: string;
  channels: SampleChannel[];
  links?: SampleLink[];
  communities?: Partial<Community>[];
  changes?: Changes | null;
}

/** The head of a day, without the list of its columns. */
export function sampleHead({ date = "2026-11-22", channels, communities = [], changes = null }: SampleDay): Head {
  return {
    date,
    counts: `${channels.length} channels`,
    note: "Sample",
    channels: channels.map(({ login }) => login),
    names: channels.map(({ name }) => name ?? ""),
    changes,
    games: distinct(channels.map(({ game }) => game)),
    languages: distinct(channels.map(({ language }) => language)),
    communities: communities.map((community, index) => ({ ...sampleCommunity(index), ...community })),
    box: [0, 0, 1, 1],
    columns: [],
  };
}

function sampleCommunity(index: number): Community {
  return {
    id: index,
    name: `Community ${index}`,
    reason: "Sample",
    channels: 1,
    viewers: 100,
    since: "2026-11-01",
    colours: ["#88ccff", "#004488"],
    anchor: null,
    rings: [],
  };
}

export function sampleColumns(day: SampleDay): Record<string, Column> {
  const { channels, links = [] } = day;
  const { games, languages } = sampleHead(day);
  const logins = channels.map(({ login }) => login);
  const index = (list: string[], value: string | undefined) => (value === undefined ? NONE.u2 : list.indexOf(value));
  return {
    x: Float32Array.from(channels, ({ x }) => x ?? 0.5),
    y: Float32Array.from(channels, ({ y }) => y ?? 0.5),
    radius: Float32Array.from(channels, ({ radius }) => radius ?? 0.01),
    viewers: Uint32Array.from(channels, ({ viewers }) => viewers ?? NONE.u4),
    community: Uint16Array.from(channels, ({ community }) => community ?? NONE.u2),
    game: Uint16Array.from(channels, ({ game }) => index(games, game)),
    language: Uint16Array.from(channels, ({ language }) => index(languages, language)),
    viewers_before: Uint32Array.from(channels, ({ viewersBefore }) => viewersBefore ?? NONE.u4),
    rank_before: Uint32Array.from(channels, ({ rankBefore }) => rankBefore ?? NONE.u4),
    a: Uint16Array.from(links, ({ ends }) => logins.indexOf(ends[0])),
    b: Uint16Array.from(links, ({ ends }) => logins.indexOf(ends[1])),
    shared: Uint32Array.from(links, ({ shared }) => shared ?? NONE.u4),
    score: Int16Array.from(links, ({ score }) => (typeof score === "number" ? 10 * score : NONE.i2)),
    strength: Uint8Array.from(links, ({ strength }) => strength ?? 255),
    drawn: Uint8Array.from(links, () => 1),
  };
}

export function sampleAtlas(day: SampleDay): Atlas {
  return new Atlas(sampleHead(day), sampleColumns(day));
}

function distinct(values: (string | undefined)[]): string[] {
  return [...new Set(values.filter((value) => value !== undefined))].sort();
}
