// The available days: inside the page, or next to it on a site. docs/site.md describes the files of a site.

import { type Atlas, readAtlas } from "./data";

/** A channel and its largest overlaps over the days; null on days whose map lacks the channel. */
export interface Trend {
  days: string[];
  viewers: (number | null)[];
  overlaps: { channel: string; shared: (number | null)[] }[];
}

export interface Days {
  /** The oldest first. */
  readonly dates: string[];
  /** Read a day; null where it is not available. */
  load(date: string): Promise<Atlas | null>;
  /** Null for unknown channels; a site knows the channels of its newest day. */
  trend(login: string): Promise<Trend | null>;
}

const TREND_OVERLAPS = 5;
const MAX_CACHED = 10;

export async function findDays(): Promise<Days> {
  const blocks = [...document.querySelectorAll<HTMLScriptElement>("script.day")];
  return blocks.length ? DaysInPage.read(blocks) : DaysOfSite.read();
}

class DaysInPage implements Days {
  private constructor(private readonly atlases: Map<string, Atlas>) {}

  static async read(blocks: HTMLScriptElement[]): Promise<DaysInPage> {
    const atlases = await Promise.all(blocks.map((block) => readAtlas(fromBase64(block.text))));
    for (const block of blocks) block.remove();
    const sorted = atlases.sort((p, q) => (p.head.date < q.head.date ? -1 : 1));
    return new DaysInPage(new Map(sorted.map((atlas) => [atlas.head.date, atlas])));
  }

  get dates(): string[] {
    return [...this.atlases.keys()];
  }

  load(date: string): Promise<Atlas | null> {
    return Promise.resolve(this.atlases.get(date) ?? null);
  }

  trend(login: string): Promise<Trend | null> {
    const days = [...this.atlases.values()];
    const last = days.findLast((atlas) => atlas.channelOf(login) !== null);
    const channel = last?.channelOf(login) ?? null;
    if (!last || channel === null) return Promise.resolve(null);
    const perDay = (value: (atlas: Atlas, channel: number) => number | null) =>
      days.map((atlas) => {
        const own = atlas.channelOf(login);
        return own === null ? null : value(atlas, own);
      });
    const overlaps = last.rankedEdges(channel).slice(0, TREND_OVERLAPS);
    return Promise.resolve({
      days: this.dates,
      viewers: perDay((atlas, own) => atlas.viewersOf(own)),
      overlaps: overlaps.map((edge) => {
        const login = last.loginOf(last.other(edge, channel));
        const shared = perDay((atlas, own) => {
          const other = atlas.channelOf(login);
          return other === null ? null : atlas.sharedBy(own, other);
        });
        return { channel: login, shared };
      }),
    });
  }
}

interface Manifest {
  days: { date: string; bin: string }[];
}

class DaysOfSite implements Days {
  /** The days that were used last, the oldest use first. */
  private readonly cache = new Map<string, Promise<Atlas | null>>();

  private constructor(private manifest: Manifest) {}

  static async read(): Promise<DaysOfSite> {
    return new DaysOfSite(await fetchManifest());
  }

  get dates(): string[] {
    return this.manifest.days.map((day) => day.date);
  }

  load(date: string): Promise<Atlas | null> {
    const atlas = this.cache.get(date) ?? this.read(date);
    this.cache.delete(date);
    this.cache.set(date, atlas);
    for (const old of [...this.cache.keys()].slice(0, -MAX_CACHED)) this.cache.delete(old);
    // A day that is missing or fails is requested again next time.
    void atlas.then(
      (loaded) => loaded ?? this.cache.delete(date),
      () => this.cache.delete(date),
    );
    return atlas;
  }

  async trend(login: string): Promise<Trend | null> {
    // The name of the file is percent-encoded, and its address encodes that again.
    const response = await fetch(`channels/${encodeURIComponent(fileName(login))}.json`);
    return response.ok ? ((await response.json()) as { trend: Trend }).trend : null;
  }

  private async read(date: string): Promise<Atlas | null> {
    const response = await this.fetchDay(date);
    return response?.ok ? readAtlas(new Uint8Array(await response.arrayBuffer())) : null;
  }

  /** A rebuilt day has another file: where the known one is gone, a new manifest names it. */
  private async fetchDay(date: string): Promise<Response | null> {
    const file = () => this.manifest.days.find((day) => day.date === date)?.bin;
    const before = file();
    if (before === undefined) return null;
    const response = await fetch(before);
    if (response.ok) return response;
    this.manifest = await fetchManifest({ cache: "reload" });
    const now = file();
    return now === undefined || now === before ? response : fetch(now);
  }
}

async function fetchManifest(options: RequestInit = {}): Promise<Manifest> {
  const file = "manifest.json";
  const response = await fetch(file, options);
  if (!response.ok) throw new Error(`${file}: ${response.status}`);
  return (await response.json()) as Manifest;
}

/** Encodes a login as Python's quote(login, safe="") does. */
function fileName(login: string): string {
  const encoded = encodeURIComponent(login);
  return encoded.replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
}
