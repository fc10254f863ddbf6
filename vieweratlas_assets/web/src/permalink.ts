// What somebody looks at, in the address: `#d=<date>&c=<channel>&k=<community id>&v=<x>_<y>_<across>`, in units
// of the map; without a date it is the newest day.

import type { AtlasMap } from "./map";
import type { DaySlider } from "./slider";
import type { State } from "./state";

const SETTLED_MS = 250;
const ACROSS = { least: 0.005, most: 20 };
const FURTHEST_OUT = 5;

export class Permalink {
  private timer = 0;
  private isReading = false;
  private reads = 0;

  constructor(
    private readonly map: AtlasMap,
    private readonly state: State,
    private readonly slider: DaySlider,
    private readonly channelNamed: (name: string) => number | null,
  ) {
    addEventListener("hashchange", () => void this.read());
  }

  /** Write it once nothing has changed for a while. */
  soon(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.write(), SETTLED_MS);
  }

  /** Show what the address asks for; whatever in it is nothing is passed over. */
  async read(): Promise<void> {
    const mine = ++this.reads;
    const asked = new URLSearchParams(location.hash.slice(1));
    this.isReading = true;
    const isThere = await this.slider.goTo(asked.get("d") ?? this.slider.newest);
    // Another address, or another day, may have been asked for since.
    if (mine !== this.reads) return;
    this.isReading = false;
    if (!isThere) return;
    const login = asked.get("c");
    const id = Number(asked.get("k"));
    const selected = login === null ? null : this.channelNamed(login);
    this.state.change({
      selected,
      missing: selected === null && login ? login : null,
      community: asked.has("k") ? this.state.atlas.communityWithId(id) : null,
    });
    const view = (asked.get("v") ?? "").split("_").map(Number);
    if (view.length === 3 && view.every(Number.isFinite) && isSane(view)) this.map.view = view as [number, number, number];
  }

  private write(): void {
    if (this.isReading) return;
    const { state } = this;
    const { atlas } = state;
    const told = new URLSearchParams();
    if (atlas.head.date !== this.slider.newest) told.set("d", atlas.head.date);
    const login = state.selected === null ? state.missing : atlas.head.channels[state.selected];
    if (login !== null) told.set("c", login);
    if (state.community !== null) told.set("k", String(atlas.head.communities[state.community].id));
    told.set("v", this.map.view.map((each) => each.toFixed(4)).join("_"));
    history.replaceState(null, "", `#${told}`);
  }
}

function isSane([x, y, across]: number[]): boolean {
  const isNear = Math.abs(x) <= FURTHEST_OUT && Math.abs(y) <= FURTHEST_OUT;
  return isNear && across >= ACROSS.least && across <= ACROSS.most;
}
