// The days that there are: inside the page, or on a site beside it. docs/site.md tells what a site holds.

import { type Atlas, readAtlas } from "./data";

/** How a channel and its largest overlaps went; null: not on the map of that day. */
export interface Trend {
  days: string[];
  viewers: (number | null)[];
  overlaps: { channel: string; shared: (number | null)[] }[];
}

export interface Days {
  /** The oldest first. */
  readonly dates: string[];
  /** Read a day; null where it is not there. */
  load(date: string): Promise<Atlas | null>;
  /** Null where nothing is known of the channel; a site knows those of its newest day. */
  trend(login: string): Promise<Trend | null>;
}

const TREND_OVERLAPS = 5;
const MOST_KEPT = 10;

export async function findDays(): Promise<Days> {
  const blocks = [...document.querySelectorAll<HTMLScriptElement>("script.day")];
  return blocks.length ? DaysInPage.read(blocks) : DaysOfSite.read();
}

class DaysInPage implements Days {
  private constructor(private readonly atlases: Map<string, Atlas>) {}

  static async read(blocks: HTMLScriptElement[]): Promise<DaysInPage> {
    const atlases = await Promise.all(blocks.map((block) => readAtlas(unpacked(block.textContent!))));
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
    if (!last) return Promise.resolve(null);
    const at = (atlas: Atlas) => atlas.channelOf(login);
    const channel = at(last)!;
    const others = last.rankedEdges(channel).slice(0, TREND_OVERLAPS);
    const of = <Value>(tell: (atlas: Atlas, channel: number) => Value) =>
      days.map((atlas) => (at(atlas) === null ? null : tell(atlas, at(atlas)!)));
    return Promise.resolve({
      days: this.dates,
      viewers: of((atlas, own) => atlas.viewersOf(own)),
      overlaps: others.map((edge) => {
        const other = last.head.channels[last.other(edge, channel)];
        const shared = (atlas: Atlas, own: number) => {
          const there = atlas.channelOf(other);
          return there === null ? null : atlas.sharedBy(own, there);
        };
        return { channel: other, shared: of(shared) };
      }),
    });
  }
}

interface Manifest {
  days: { date: string; bin: string }[];
}

class DaysOfSite implements Days {
  private readonly loaded = new Map<string, Promise<Atlas | null>>();

  private constructor(private manifest: Manifest) {}

  static async read(): Promise<DaysOfSite> {
    return new DaysOfSite(await (await fetched("manifest.json")).json());
  }

  get dates(): string[] {
    return this.manifest.days.map((day) => day.date);
  }

  load(date: string): Promise<Atlas | null> {
    const found = this.loaded.get(date) ?? this.read(date);
    this.loaded.delete(date);
    this.loaded.set(date, found);
    // The days that were looked at last.
    for (const old of [...this.loaded.keys()].slice(0, -MOST_KEPT)) this.loaded.delete(old);
    found.then(
      (atlas) => atlas ?? this.loaded.delete(date),
      () => this.loaded.delete(date),
    );
    return found;
  }

  async trend(login: string): Promise<Trend | null> {
    // The file's own name is escaped.
    const response = await fetch(`channels/${encodeURIComponent(fileName(login))}.json`);
    return response.ok ? (await response.json()).trend : null;
  }

  private async read(date: string): Promise<Atlas | null> {
    const response = await this.ask(date);
    return response?.ok ? readAtlas(new Uint8Array(await response.arrayBuffer())) : null;
  }

  /** A day that was made anew has another file: where one is gone, the manifest tells which. */
  private async ask(date: string): Promise<Response | null> {
    const file = () => this.manifest.days.find((day) => day.date === date)?.bin;
    const known = file();
    if (known === undefined) return null;
    const response = await fetch(known);
    if (response.ok) return response;
    this.manifest = await (await fetched("manifest.json", { cache: "reload" })).json();
    const now = file();
    return now === undefined || now === known ? response : fetch(now);
  }
}

async function fetched(file: string, options: RequestInit = {}): Promise<Response> {
  const response = await fetch(file, options);
  if (!response.ok) throw new Error(`${file}: ${response.status}`);
  return response;
}

/** As Python's quote(login, safe="") writes it. */
function fileName(login: string): string {
  return encodeURIComponent(login).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
}

function unpacked(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
}
