// The explorer: builds its parts and connects them with the mouse, the keyboard and the buttons.

import { Countries } from "./countries";
import type { Atlas } from "./data";
import type { Days } from "./days";
import { defined } from "./defined";
import { byId, context2d, element } from "./dom";
import { Labels } from "./labels";
import { buildLegend } from "./legend";
import { AtlasMap, WIDE_PX } from "./map";
import { Panel } from "./panel";
import { Permalink } from "./permalink";
import { Search } from "./search";
import { DaySlider } from "./slider";
import type { State } from "./state";
import { short } from "./text";
import { Theme } from "./theme";

const SELECTED_RATIO = 0.35;
const MIN_COMMUNITY_RATIO = 0.15;
const PAN_STEP = 0.12;
const ZOOM_FACTOR = 1.5;
const TIP_OFFSET_PX = 14;

export class Explorer {
  readonly map: AtlasMap;
  readonly labels: Labels;
  readonly slider: DaySlider;
  private readonly theme = new Theme();
  private readonly countries: Countries;
  private readonly search: Search;
  private readonly permalink: Permalink;
  private readonly tip = byId("tip");

  constructor(
    readonly days: Days,
    readonly state: State,
  ) {
    const { theme } = this;
    const select = (channel: number) => this.select(channel);
    const isolate = (community: number) => this.isolate(community);
    this.map = new AtlasMap(byId("map"), state, theme);
    this.countries = new Countries(this.map, state, theme);
    this.labels = new Labels(this.map, state, theme);
    this.search = new Search(state, select, isolate);
    new Panel(days, state, theme, { onChannel: select, onCommunity: isolate, onClose: () => this.close() });
    buildLegend(state, theme, (community) => this.toggle(community));
    this.slider = new DaySlider(days, state);
    // The map listens last: it draws at once what the others prepared.
    state.onDay(() => this.map.showDay());
    state.onChange(() => this.map.shade());
    theme.onChange(() => this.map.repaint());
    this.permalink = new Permalink(this.map, state, this.slider, (name) => this.search.channelNamed(name));
    this.listenToMap();
    this.listenToKeys();
    this.listenToButtons();
    byId("legend", HTMLDetailsElement).open = innerWidth > WIDE_PX;
    this.map.measure();
  }

  get atlas(): Atlas {
    return this.state.atlas;
  }

  /** Show what the address names. */
  start(): Promise<void> {
    return this.permalink.read();
  }

  select(channel: number): void {
    const { atlas } = this;
    this.state.change({ selected: channel, hovered: null, community: null });
    this.map.flyToChannel(channel, SELECTED_RATIO);
    const neighbors = atlas
      .rankedEdges(channel)
      .slice(0, 3)
      .map((edge) => atlas.nameOf(atlas.other(edge, channel)));
    const viewers = `${atlas.nameOf(channel)}, ${short(atlas.viewersOf(channel))} viewers`;
    announce(`${viewers}. Most shared: ${neighbors.join(", ")}.`);
  }

  isolate(community: number): void {
    this.state.change({ community, selected: null, hovered: null });
    const { anchor, channels, name } = this.atlas.communityAt(community);
    announce(`${name}, ${channels} channels`);
    if (anchor) this.map.flyTo(anchor[0], anchor[1], Math.max(MIN_COMMUNITY_RATIO, 4 * anchor[2]));
  }

  /** Isolate a community, or show all channels again if it is isolated. */
  private toggle(community: number): void {
    if (this.state.community !== community || this.state.selected !== null) {
      this.isolate(community);
      return;
    }
    this.state.change({ community: null });
    this.map.reset();
  }

  /** Undo one step: the selected channel, then the community, then the changes. */
  private back(): void {
    const { state } = this;
    if (state.selected !== null || state.missing !== null) state.change({ selected: null });
    else if (state.community !== null) this.toggle(state.community);
    else if (state.showsChanges) state.change({ showsChanges: false });
  }

  private close(): void {
    this.back();
    this.search.focus();
  }

  private reset(): void {
    byId("filters", HTMLFormElement).reset();
    this.state.change({ selected: null, community: null, game: null, language: null });
    this.map.reset();
  }

  private showTip(channel: number): void {
    const { atlas, tip } = this;
    const [x, y] = this.map.channelOnScreen(channel);
    const community = atlas.communityOf(channel);
    const name = community === null ? "in no community" : atlas.communityAt(community).name;
    tip.replaceChildren(
      element("b", { textContent: atlas.nameOf(channel) }),
      element("div", { textContent: `${short(atlas.viewersOf(channel))} viewers · ${name}` }),
    );
    tip.style.transform = `translate(${x + TIP_OFFSET_PX}px,${y + TIP_OFFSET_PX}px)`;
    tip.hidden = false;
  }

  private listenToMap(): void {
    const { state, map, labels, tip } = this;
    map.sigma.on("enterNode", ({ node }) => {
      if (state.selected === null) state.change({ hovered: Number(node) });
      this.showTip(Number(node));
    });
    map.sigma.on("leaveNode", () => {
      if (state.hovered !== null) state.change({ hovered: null });
      tip.hidden = true;
    });
    map.sigma.on("clickNode", ({ node }) => this.select(Number(node)));
    map.sigma.on("clickStage", ({ event }) => {
      const community = labels.communityAt(event.x, event.y);
      if (community === null) this.back();
      else this.toggle(community);
    });
    map.sigma.on("moveBody", ({ event }) => {
      const isClickable = state.hovered !== null || labels.communityAt(event.x, event.y) !== null;
      map.element.style.cursor = isClickable ? "pointer" : "";
    });
    map.sigma.getCamera().on("updated", () => (tip.hidden = true));
    map.sigma.on("afterRender", () => {
      map.measure();
      this.countries.draw();
      labels.show();
      this.permalink.schedule();
    });
  }

  private listenToKeys(): void {
    const { map, slider } = this;
    const actions = new Map([
      ["/", () => this.search.focus()],
      ["+", () => map.zoom(1 / ZOOM_FACTOR)],
      ["=", () => map.zoom(1 / ZOOM_FACTOR)],
      ["-", () => map.zoom(ZOOM_FACTOR)],
      ["0", () => map.reset()],
      ["ArrowLeft", () => map.pan(-PAN_STEP, 0)],
      ["ArrowRight", () => map.pan(PAN_STEP, 0)],
      ["ArrowUp", () => map.pan(0, PAN_STEP)],
      ["ArrowDown", () => map.pan(0, -PAN_STEP)],
      ["[", () => slider.step(-1)],
      ["]", () => slider.step(1)],
      ["Escape", () => this.back()],
    ]);
    addEventListener("keydown", (event) => {
      const action = actions.get(event.key);
      if (!action || event.ctrlKey || event.metaKey || event.altKey || needsKey(event)) return;
      event.preventDefault();
      action();
    });
  }

  private listenToButtons(): void {
    const onClick = (id: string, action: () => void) => byId(id).addEventListener("click", action);
    onClick("zoom-in", () => this.map.zoom(1 / ZOOM_FACTOR));
    onClick("zoom-out", () => this.map.zoom(ZOOM_FACTOR));
    onClick("reset", () => this.reset());
    onClick("theme", () => this.theme.toggle());
    onClick("save", () => this.savePicture());
  }

  private savePicture(): void {
    const { map, labels } = this;
    // WebGL keeps its picture only within a frame, so draw it again now.
    map.sigma.refresh();
    labels.draw();
    const layers = map.sigma.getCanvases();
    const { width, height } = map.overlay.canvas;
    const canvas = element("canvas", { width, height });
    const context = context2d(canvas);
    context.fillStyle = this.theme.paper;
    context.fillRect(0, 0, width, height);
    for (const layer of ["countries", "edges", "nodes", "overlay"]) context.drawImage(defined(layers[layer]), 0, 0);
    context.scale(devicePixelRatio || 1, devicePixelRatio || 1);
    labels.drawCommunities(context);
    canvas.toBlob((blob) => {
      if (!blob) throw new Error("the browser could not encode the picture");
      const link = element("a", {
        href: URL.createObjectURL(blob),
        download: `viewer-atlas-${this.atlas.head.date}.png`,
      });
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }
}

/** Whether the focused control uses the key itself: text fields all keys, lists and the day slider the arrows. */
function needsKey({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false;
  const isTyping = target.matches("input:not([type=range]), select");
  return isTyping || (key.startsWith("Arrow") && target.closest("#panel, #legend, #days") !== null);
}

/** For screen readers. */
function announce(text: string): void {
  byId("live").textContent = text;
}
