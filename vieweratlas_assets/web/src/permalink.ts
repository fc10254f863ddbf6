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
    this.isReading = true;
    const asked = new URLSearchParams(location.hash.slice(1));
    await this.slider.goTo(asked.get("d") ?? this.slider.newest);
    const name = asked.get("c");
    const id = Number(asked.get("k"));
    this.state.change({
      selected: name === null ? null : this.channelNamed(name),
      community: asked.has("k") ? this.state.atlas.communityWithId(id) : null,
    });
    const view = (asked.get("v") ?? "").split("_").map(Number);
    if (view.length === 3 && view.every(Number.isFinite) && isSane(view)) this.map.view = view as [number, number, number];
    this.isReading = false;
  }

  private write(): void {
    if (this.isReading) return;
    const { state } = this;
    const { atlas } = state;
    const told = new URLSearchParams();
    if (atlas.head.date !== this.slider.newest) told.set("d", atlas.head.date);
    if (state.selected !== null) told.set("c", atlas.head.channels[state.selected]);
    if (state.community !== null) told.set("k", String(atlas.head.communities[state.community].id));
    told.set("v", this.map.view.map((each) => each.toFixed(4)).join("_"));
    history.replaceState(null, "", `#${told}`);
  }
}

function isSane([x, y, across]: number[]): boolean {
  const isNear = Math.abs(x) <= FURTHEST_OUT && Math.abs(y) <= FURTHEST_OUT;
  return isNear && across >= ACROSS.least && across <= ACROSS.most;
}
