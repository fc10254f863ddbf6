// The address keeps what the user looks at: `#d=<date>&c=<login>&k=<community id>&v=<x>_<y>_<across>`, where the view
// is in units of the map. Without a date it is the newest day.

import type { AtlasMap, View } from "./map";
import type { DaySlider } from "./slider";
import type { State } from "./state";

const WRITE_AFTER_MS = 250;
const ACROSS = { least: 0.005, most: 20 };
const FURTHEST_OUT = 5;

export interface Link {
  date: string | null;
  login: string | null;
  community: number | null;
  view: View | null;
}

/** Read the fragment of an address; a part that makes no sense is null. */
export function parseLink(hash: string): Link {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const community = parameters.get("k");
  return {
    date: parameters.get("d"),
    login: parameters.get("c"),
    community: community === null || !/^\d+$/.test(community) ? null : Number(community),
    view: parseView(parameters.get("v") ?? ""),
  };
}

/** Write the fragment of an address, without the parts that are null. */
export function formatLink({ date, login, community, view }: Link): string {
  const parameters = new URLSearchParams();
  if (date !== null) parameters.set("d", date);
  if (login !== null) parameters.set("c", login);
  if (community !== null) parameters.set("k", String(community));
  if (view !== null) parameters.set("v", view.map((each) => each.toFixed(4)).join("_"));
  return `#${parameters}`;
}

function parseView(text: string): View | null {
  const [x, y, across, ...rest] = text.split("_").map(Number);
  if (x === undefined || y === undefined || across === undefined || rest.length) return null;
  // Comparisons with NaN are false.
  const isNear = Math.abs(x) <= FURTHEST_OUT && Math.abs(y) <= FURTHEST_OUT;
  return isNear && across >= ACROSS.least && across <= ACROSS.most ? [x, y, across] : null;
}

export class Permalink {
  private timer = 0;
  private isReading = false;
  private reads = 0;

  constructor(
    private readonly map: Pick<AtlasMap, "view">,
    private readonly state: State,
    private readonly slider: Pick<DaySlider, "newest" | "goTo">,
    private readonly channelNamed: (name: string) => number | null,
  ) {
    addEventListener("hashchange", () => void this.read());
  }

  /** Write the address once nothing has changed for a while. */
  schedule(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.write(), WRITE_AFTER_MS);
  }

  /** Show what the address names, as far as the atlas has it. */
  async read(): Promise<void> {
    const read = ++this.reads;
    const link = parseLink(location.hash);
    this.isReading = true;
    const isCurrent = await this.slider.goTo(link.date ?? this.slider.newest);
    // Another address may have been opened in the meantime, or another day.
    if (read !== this.reads) return;
    this.isReading = false;
    if (!isCurrent) return;
    const selected = link.login === null ? null : this.channelNamed(link.login);
    this.state.change({
      selected,
      missing: selected === null && link.login ? link.login : null,
      community: link.community === null ? null : this.state.atlas.communityWithId(link.community),
    });
    if (link.view) this.map.view = link.view;
  }

  private write(): void {
    if (this.isReading) return;
    const { atlas, selected, missing, community } = this.state;
    const { date } = atlas.head;
    const link = formatLink({
      date: date === this.slider.newest ? null : date,
      login: selected === null ? missing : atlas.loginOf(selected),
      community: community === null ? null : atlas.communityAt(community).id,
      view: this.map.view,
    });
    history.replaceState(null, "", link);
  }
}
