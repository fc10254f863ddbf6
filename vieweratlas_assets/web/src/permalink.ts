// What somebody looks at, in the address: `#c=<channel>&k=<community id>&v=<x>_<y>_<across>`, in units of the map.

import type { Atlas } from "./data";
import type { AtlasMap } from "./map";
import type { State } from "./state";

const SETTLED_MS = 250;
const ACROSS = { least: 0.005, most: 20 };
const FURTHEST_OUT = 5;

export class Permalink {
  private timer = 0;
  private isReading = false;

  constructor(
    private readonly atlas: Atlas,
    private readonly map: AtlasMap,
    private readonly state: State,
    private readonly channelNamed: (name: string) => number | null,
  ) {
    addEventListener("hashchange", () => this.read());
  }

  /** Write it once nothing has changed for a while. */
  soon(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.write(), SETTLED_MS);
  }

  /** Show what the address asks for; whatever in it is nothing is passed over. */
  read(): void {
    this.isReading = true;
    const asked = new URLSearchParams(location.hash.slice(1));
    const name = asked.get("c");
    const id = Number(asked.get("k"));
    const community = asked.has("k") ? this.atlas.head.communities.findIndex((each) => each.id === id) : -1;
    this.state.change({
      selected: name === null ? null : this.channelNamed(name),
      community: community < 0 ? null : community,
    });
    const view = (asked.get("v") ?? "").split("_").map(Number);
    if (view.length === 3 && view.every(Number.isFinite) && isSane(view)) this.map.view = view as [number, number, number];
    this.isReading = false;
  }

  private write(): void {
    if (this.isReading) return;
    const { state, atlas } = this;
    const told = new URLSearchParams();
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
