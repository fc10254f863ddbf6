// The atlas of a day. What the head and each column mean is written in domain/atlas/day_data.py.

export interface Community {
  id: number;
  name: string;
  reason: string;
  channels: number;
  viewers: number | null;
  since: string;
  /** Hex, on dark and on light paper. */
  colours: [string, string];
  /** x, y and the room around it; null where it has no land. */
  anchor: [number, number, number] | null;
  /** Closed borders, x and y in turn. */
  rings: number[][];
}

type Part = [name: string | null, share: number];

/** What changed since an earlier day; communities of the day by id, those of the earlier day by name. */
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
  channels: string[];
  /** As channels write them; "" where that is the login. */
  names: string[];
  changes: Changes | null;
  games: string[];
  languages: string[];
  communities: Community[];
  /** Of lands and channels: left, low, right, high. */
  box: [number, number, number, number];
  columns: [name: string, type: ColumnType, offset: number, length: number][];
}

type ColumnType = "f4" | "u1" | "u2" | "u4" | "i2";
type Column = Float32Array | Uint8Array | Uint16Array | Uint32Array | Int16Array;

/** Stands for "none" or "not known" in columns of whole numbers. */
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
  readonly a: Column;
  readonly b: Column;
  readonly shared: Column;
  private readonly viewersThen: Column;
  private readonly rankThen: Column;
  private readonly tenthsOfScore: Column;
  private readonly strength: Column;
  readonly drawn: Column;
  /** Channels by viewers, the largest first; and the place of each in that order. */
  readonly ranked: Uint32Array;
  readonly rank: Uint32Array;
  private readonly starts: Uint32Array;
  private readonly edges: Uint32Array;
  private readonly places: Map<string, number>;

  constructor(
    readonly head: Head,
    columns: Record<string, Column>,
  ) {
    this.x = columns.x;
    this.y = columns.y;
    this.radius = columns.radius;
    this.viewers = columns.viewers;
    this.community = columns.community;
    this.game = columns.game;
    this.language = columns.language;
    this.a = columns.a;
    this.b = columns.b;
    this.shared = columns.shared;
    this.viewersThen = columns.viewers_before;
    this.rankThen = columns.rank_before;
    this.tenthsOfScore = columns.score;
    this.strength = columns.strength;
    this.drawn = columns.drawn;
    const count = this.size;
    this.starts = new Uint32Array(count + 1);
    for (const end of [this.a, this.b]) for (const channel of end) this.starts[channel + 1]++;
    for (let at = 0; at < count; at++) this.starts[at + 1] += this.starts[at];
    const next = this.starts.slice();
    this.edges = new Uint32Array(2 * this.a.length);
    for (let edge = 0; edge < this.a.length; edge++) {
      this.edges[next[this.a[edge]]++] = edge;
      this.edges[next[this.b[edge]]++] = edge;
    }
    const known = (channel: number) => this.viewersOf(channel) ?? -1;
    this.ranked = Uint32Array.from({ length: count }, (_, at) => at).sort((p, q) => known(q) - known(p) || p - q);
    this.rank = new Uint32Array(count);
    this.ranked.forEach((channel, at) => (this.rank[channel] = at));
    this.places = new Map(head.channels.map((login, at) => [login, at]));
  }

  get size(): number {
    return this.head.channels.length;
  }

  /** As the channel writes it. */
  nameOf(channel: number): string {
    return this.head.names[channel] || this.head.channels[channel];
  }

  /** The channel with this login; null where it is not on the day's map. */
  channelOf(login: string): number | null {
    return this.places.get(login) ?? null;
  }

  /** Whether it was not on the map of the earlier day, as far as there was one. */
  isNew(channel: number): boolean {
    return this.rankThen[channel] === NEW;
  }

  /** Places won since the earlier day; null where that is not known. */
  rise(channel: number): number | null {
    const then = this.rankThen[channel];
    if (then === NEW || then === NONE.u4 || this.viewersOf(channel) === null) return null;
    return then - (this.rank[channel] + 1);
  }

  /** Viewers won since the earlier day; null where that is not known. */
  gain(channel: number): number | null {
    const now = this.viewersOf(channel);
    const then = this.viewersThen[channel];
    return now === null || then === NONE.u4 ? null : now - then;
  }

  communityWithId(id: number): number | null {
    const at = this.head.communities.findIndex((each) => each.id === id);
    return at < 0 ? null : at;
  }

  viewersOf(channel: number): number | null {
    return this.viewers[channel] === NONE.u4 ? null : this.viewers[channel];
  }

  communityOf(channel: number): number | null {
    return this.community[channel] === NONE.u2 ? null : this.community[channel];
  }

  sharedOf(edge: number): number | null {
    return this.shared[edge] === NONE.u4 ? null : this.shared[edge];
  }

  /** The size-corrected score of a link. */
  scoreOf(edge: number): number | null {
    return this.tenthsOfScore[edge] === NONE.i2 ? null : this.tenthsOfScore[edge] / 10;
  }

  /** The root of a link's strength, 0 to 1. */
  strengthOf(edge: number): number {
    return this.strength[edge] / 255;
  }

  other(edge: number, channel: number): number {
    return this.a[edge] === channel ? this.b[edge] : this.a[edge];
  }

  edgesOf(channel: number): Uint32Array {
    return this.edges.subarray(this.starts[channel], this.starts[channel + 1]);
  }

  /** Viewers that two channels share; 0 where no link joins them. */
  sharedBy(one: number, other: number): number | null {
    const edge = this.edgesOf(one).find((each) => this.other(each, one) === other);
    return edge === undefined ? 0 : this.sharedOf(edge);
  }

  /** The links of a channel, those with the most shared viewers first; where these are unknown, the strongest. */
  rankedEdges(channel: number): number[] {
    const shared = (edge: number) => this.sharedOf(edge) ?? -1;
    return [...this.edgesOf(channel)].sort(
      (p, q) => shared(q) - shared(p) || this.strength[q] - this.strength[p] || p - q,
    );
  }
}

/** Read a day as day_data.py packs it. */
export async function readAtlas(packed: Uint8Array<ArrayBuffer>): Promise<Atlas> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const head: Head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const kinds = { f4: Float32Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i2: Int16Array };
  const columns = Object.fromEntries(
    head.columns.map(([name, type, offset, count]) => [name, new kinds[type](buffer, offset, count)]),
  );
  return new Atlas(head, columns);
}
