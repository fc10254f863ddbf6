// One day of the atlas. domain/atlas/day_data.py documents the head and the columns.

import { defined } from "./defined";

/** Hex colors: one for the dark theme, one for the light theme. */
export type Colors = [dark: string, light: string];

export interface Community {
  id: number;
  name: string;
  reason: string;
  channels: number;
  viewers: number | null;
  since: string;
  /** Stored days use this spelling. */
  colours: Colors;
  /** A point inside the country and the free radius around it; null without a country. */
  anchor: [x: number, y: number, room: number] | null;
  /** Closed borders: x and y alternate. */
  rings: number[][];
}

type Part = [name: string | null, share: number];

/** What changed since an earlier day. Communities of this day by id, those of the earlier day by name. */
export interface Changes {
  since: string;
  born: number[];
  died: (string | null)[];
  split: { from: string | null; into: [id: number, share: number][] }[];
  merged: { into: number; from: Part[] }[];
  renamed: [id: number, before: string | null][];
  moved: [channel: string, from: string | null, to: string | null][];
  joined: number;
  left: number;
}

export interface Head {
  date: string;
  counts: string;
  note: string;
  /** Logins. */
  channels: string[];
  /** Display names; "" where it is the login. */
  names: string[];
  changes: Changes | null;
  games: string[];
  languages: string[];
  communities: Community[];
  /** Around all countries and channels. */
  box: [left: number, bottom: number, right: number, top: number];
  columns: [name: string, type: ColumnType, offset: number, length: number][];
}

const ARRAY_TYPES = { f4: Float32Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i2: Int16Array };

export type ColumnType = keyof typeof ARRAY_TYPES;
export type Column = InstanceType<(typeof ARRAY_TYPES)[ColumnType]>;

/** Means "none" or "unknown" in columns of integers. */
export const NONE = { u2: 0xffff, u4: 0xffffffff, i2: -0x8000 };

/** The earlier rank of a channel that was not on the map. */
const NEW = 0;

export class Atlas {
  readonly x: Column;
  readonly y: Column;
  readonly radius: Column;
  readonly viewers: Column;
  readonly community: Column;
  readonly game: Column;
  readonly language: Column;
  /** The two channels of each link. */
  readonly a: Column;
  readonly b: Column;
  readonly shared: Column;
  readonly drawn: Column;
  /** Channels by viewers, the largest first, and the position of each channel in that order. */
  readonly ranked: Uint32Array;
  readonly rank: Uint32Array;
  private readonly viewersBefore: Column;
  private readonly rankBefore: Column;
  private readonly scoreTenths: Column;
  private readonly strength: Column;
  private readonly links: Links;
  private readonly channelByLogin: Map<string, number>;

  constructor(
    readonly head: Head,
    columns: Record<string, Column>,
  ) {
    const column = (name: string): Column => {
      const values = columns[name];
      if (!values) throw new Error(`the day ${head.date} has no column ${name}`);
      return values;
    };
    this.x = column("x");
    this.y = column("y");
    this.radius = column("radius");
    this.viewers = column("viewers");
    this.community = column("community");
    this.game = column("game");
    this.language = column("language");
    this.a = column("a");
    this.b = column("b");
    this.shared = column("shared");
    this.drawn = column("drawn");
    this.viewersBefore = column("viewers_before");
    this.rankBefore = column("rank_before");
    this.scoreTenths = column("score");
    this.strength = column("strength");
    this.links = linksByChannel(this.size, this.a, this.b);
    const viewers = (channel: number) => this.viewersOf(channel) ?? -1;
    this.ranked = Uint32Array.from({ length: this.size }, (_, channel) => channel).sort(
      (p, q) => viewers(q) - viewers(p) || p - q,
    );
    this.rank = new Uint32Array(this.size);
    for (const [position, channel] of this.ranked.entries()) this.rank[channel] = position;
    this.channelByLogin = new Map(head.channels.map((login, channel) => [login, channel]));
  }

  get size(): number {
    return this.head.channels.length;
  }

  loginOf(channel: number): string {
    return defined(this.head.channels[channel]);
  }

  /** The display name. */
  nameOf(channel: number): string {
    return defined(this.head.names[channel]) || this.loginOf(channel);
  }

  /** The channel with this login; null where it is not on the day's map. */
  channelOf(login: string): number | null {
    return this.channelByLogin.get(login) ?? null;
  }

  gameOf(channel: number): string | null {
    const game = known(this.game[channel], NONE.u2);
    return game === null ? null : defined(this.head.games[game]);
  }

  languageOf(channel: number): string | null {
    const language = known(this.language[channel], NONE.u2);
    return language === null ? null : defined(this.head.languages[language]);
  }

  rankOf(channel: number): number {
    return defined(this.rank[channel]) + 1;
  }

  /** Whether the earlier day's map did not have the channel; false where there is no earlier day. */
  isNew(channel: number): boolean {
    return this.rankBefore[channel] === NEW;
  }

  /** Ranks gained since the earlier day; null where that is unknown. */
  rise(channel: number): number | null {
    const before = known(this.rankBefore[channel], NONE.u4);
    if (before === null || before === NEW || this.viewersOf(channel) === null) return null;
    return before - this.rankOf(channel);
  }

  /** Viewers gained since the earlier day; null where that is unknown. */
  gain(channel: number): number | null {
    const now = this.viewersOf(channel);
    const before = known(this.viewersBefore[channel], NONE.u4);
    return now === null || before === null ? null : now - before;
  }

  /** The index of the community with this id; null where the day has none. */
  communityWithId(id: number): number | null {
    const index = this.head.communities.findIndex((community) => community.id === id);
    return index < 0 ? null : index;
  }

  /** The community at an index. */
  communityAt(index: number): Community {
    return defined(this.head.communities[index]);
  }

  /** The index of a channel's community; null for unclustered channels. */
  communityOf(channel: number): number | null {
    return known(this.community[channel], NONE.u2);
  }

  viewersOf(channel: number): number | null {
    return known(this.viewers[channel], NONE.u4);
  }

  sharedOf(edge: number): number | null {
    return known(this.shared[edge], NONE.u4);
  }

  /** The size-corrected score of a link. */
  scoreOf(edge: number): number | null {
    const tenths = known(this.scoreTenths[edge], NONE.i2);
    return tenths === null ? null : tenths / 10;
  }

  /** The square root of a link's strength, 0 to 1. */
  strengthOf(edge: number): number {
    return defined(this.strength[edge]) / 255;
  }

  /** The other end of a channel's link. */
  other(edge: number, channel: number): number {
    const a = defined(this.a[edge]);
    return a === channel ? defined(this.b[edge]) : a;
  }

  edgesOf(channel: number): Uint32Array {
    const { starts, edges } = this.links;
    return edges.subarray(defined(starts[channel]), defined(starts[channel + 1]));
  }

  /** Viewers that two channels share; 0 without a link between them. */
  sharedBy(one: number, other: number): number | null {
    const edge = this.edgesOf(one).find((each) => this.other(each, one) === other);
    return edge === undefined ? 0 : this.sharedOf(edge);
  }

  /** The links of a channel by shared viewers, the largest first; where these are unknown, by strength. */
  rankedEdges(channel: number): number[] {
    const shared = (edge: number) => this.sharedOf(edge) ?? -1;
    return [...this.edgesOf(channel)].sort(
      (p, q) => shared(q) - shared(p) || this.strengthOf(q) - this.strengthOf(p) || p - q,
    );
  }
}

/** The links of channel c are edges[starts[c]] to edges[starts[c + 1] - 1]. */
interface Links {
  starts: Uint32Array;
  edges: Uint32Array;
}

function linksByChannel(channels: number, a: Column, b: Column): Links {
  const starts = new Uint32Array(channels + 1);
  for (const ends of [a, b]) for (const channel of ends) increment(starts, channel + 1);
  for (let channel = 0; channel < channels; channel++) {
    starts[channel + 1] = defined(starts[channel + 1]) + defined(starts[channel]);
  }
  const next = starts.slice();
  const edges = new Uint32Array(2 * a.length);
  for (let edge = 0; edge < a.length; edge++) {
    edges[increment(next, defined(a[edge]))] = edge;
    edges[increment(next, defined(b[edge]))] = edge;
  }
  return { starts, edges };
}

/** Add one to a counter and return its previous value. */
export function increment(counters: Uint32Array, index: number): number {
  const previous = defined(counters[index]);
  counters[index] = previous + 1;
  return previous;
}

function known(value: number | undefined, none: number): number | null {
  const stored = defined(value);
  return stored === none ? null : stored;
}

/** Read a day that day_data.py packed. */
export async function readAtlas(packed: Uint8Array<ArrayBuffer>): Promise<Atlas> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))) as Head;
  const columns = Object.fromEntries(
    head.columns.map(([name, type, offset, count]) => [name, new ARRAY_TYPES[type](buffer, offset, count)]),
  );
  return new Atlas(head, columns);
}
