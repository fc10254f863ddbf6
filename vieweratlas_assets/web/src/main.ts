// The explorer of the atlas and its days: puts its parts together.

import { type Days, findDays } from "./days";
import { Labels } from "./labels";
import { Lands } from "./lands";
import { buildLegend } from "./legend";
import { AtlasMap, WIDE_PX } from "./map";
import { Panel } from "./panel";
import { Permalink } from "./permalink";
import { Search } from "./search";
import { DaySlider } from "./slider";
import { State } from "./state";
import { byId, element, short } from "./text";
import { Theme } from "./theme";

const CLOSE_RATIO = 0.35;
const STEP = 0.12;
const ZOOM = 1.5;

async function main(): Promise<void> {
  const days = await findDays();
  // The newest may be about to be made anew.
  for (const date of days.dates.toReversed()) {
    const atlas = await days.load(date).catch(() => null);
    if (atlas) return explore(days, new State(atlas));
  }
  throw new Error("there is no day that could be loaded");
}

function explore(days: Days, state: State): void {
  const theme = new Theme();
  const map = new AtlasMap(byId("map"), state, theme);
  const lands = new Lands(map, state, theme);
  const labels = new Labels(map, state, theme);
  const search = new Search(state, select, isolate);
  new Panel(days, state, theme, { onChannel: select, onCommunity: isolate, onClose: close });
  buildLegend(state, theme, toggle);
  const slider = new DaySlider(days, state);
  // Last, as it draws at once what the others have made ready.
  state.onDay(() => map.showDay());
  state.onChange(() => map.shade());
  theme.onChange(() => map.repaint());
  const permalink = new Permalink(map, state, slider, (name) => search.channelNamed(name));

  function select(channel: number): void {
    const { atlas } = state;
    state.change({ selected: channel, hovered: null, community: null });
    map.fly(atlas.x[channel], atlas.y[channel], Math.min(map.sigma.getCamera().ratio, CLOSE_RATIO));
    const shared = atlas.rankedEdges(channel).slice(0, 3).map((edge) => atlas.nameOf(atlas.other(edge, channel)));
    byId("live").textContent =
      `${atlas.nameOf(channel)}, ${short(atlas.viewersOf(channel))} viewers. Most shared: ${shared.join(", ")}.`;
  }

  function toggle(community: number): void {
    if (state.community !== community || state.selected !== null) return isolate(community);
    state.change({ community: null });
    map.reset();
  }

  function isolate(community: number): void {
    state.change({ community, selected: null, hovered: null });
    const { anchor, channels, name } = state.atlas.head.communities[community];
    byId("live").textContent = `${name}, ${channels} channels`;
    if (anchor) map.fly(anchor[0], anchor[1], Math.max(0.15, 4 * anchor[2]));
  }

  /** Let go of what is looked at, one thing after the other. */
  function back(): void {
    if (state.selected !== null || state.missing !== null) state.change({ selected: null });
    else if (state.community !== null) toggle(state.community);
    else if (state.showsChanges) state.change({ showsChanges: false });
  }

  function close(): void {
    back();
    search.focus();
  }

  function showTip(channel: number): void {
    const { atlas } = state;
    const [x, y] = map.channelOnScreen(channel);
    const community = atlas.communityOf(channel);
    const of = community === null ? "in no community" : atlas.head.communities[community].name;
    const tip = byId("tip");
    tip.replaceChildren(
      element("b", { textContent: atlas.nameOf(channel) }),
      element("div", { textContent: `${short(atlas.viewersOf(channel))} viewers · ${of}` }),
    );
    tip.style.transform = `translate(${x + 14}px,${y + 14}px)`;
    tip.hidden = false;
  }

  map.sigma.on("enterNode", ({ node }) => {
    if (state.selected === null) state.change({ hovered: Number(node) });
    showTip(Number(node));
  });
  map.sigma.on("leaveNode", () => {
    if (state.hovered !== null) state.change({ hovered: null });
    byId("tip").hidden = true;
  });
  map.sigma.on("clickNode", ({ node }) => select(Number(node)));
  map.sigma.on("clickStage", ({ event }) => {
    const community = labels.communityAt(event.x, event.y);
    if (community === null) back();
    else toggle(community);
  });
  map.sigma.on("moveBody", ({ event }) => {
    const isOver = state.hovered !== null || labels.communityAt(event.x, event.y) !== null;
    map.element.style.cursor = isOver ? "pointer" : "";
  });
  map.sigma.getCamera().on("updated", () => (byId("tip").hidden = true));
  map.sigma.on("afterRender", () => {
    map.measure();
    lands.draw();
    labels.show();
    permalink.soon();
  });

  const acts: Record<string, () => void> = {
    "/": () => search.focus(),
    "+": () => map.zoom(1 / ZOOM),
    "=": () => map.zoom(1 / ZOOM),
    "-": () => map.zoom(ZOOM),
    "0": () => map.reset(),
    ArrowLeft: () => map.pan(-STEP, 0),
    ArrowRight: () => map.pan(STEP, 0),
    ArrowUp: () => map.pan(0, STEP),
    ArrowDown: () => map.pan(0, -STEP),
    "[": () => slider.step(-1),
    "]": () => slider.step(1),
    Escape: back,
  };
  addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    const isTyping = target.matches("input:not([type=range]), select");
    const isListed = event.key.startsWith("Arrow") && target.closest("#panel, #legend, #days");
    if (isTyping || isListed || event.ctrlKey || event.metaKey || event.altKey || !(event.key in acts)) return;
    event.preventDefault();
    acts[event.key]();
  });
  byId("zoom-in").addEventListener("click", acts["+"]);
  byId("zoom-out").addEventListener("click", acts["-"]);
  byId("reset").addEventListener("click", () => {
    byId<HTMLFormElement>("filters").reset();
    state.change({ selected: null, community: null, game: null, language: null });
    map.reset();
  });
  byId("theme").addEventListener("click", () => theme.toggle());
  byId("save").addEventListener("click", savePicture);
  byId<HTMLDetailsElement>("legend").open = innerWidth > WIDE_PX;

  function savePicture(): void {
    // What WebGL drew is gone after its frame, unless it is drawn again now.
    map.sigma.refresh();
    labels.draw();
    const layers = map.sigma.getCanvases();
    const canvas = element("canvas", { width: layers.overlay.width, height: layers.overlay.height });
    const context = canvas.getContext("2d")!;
    context.fillStyle = theme.paper;
    context.fillRect(0, 0, canvas.width, canvas.height);
    for (const layer of ["lands", "edges", "nodes", "overlay"]) context.drawImage(layers[layer], 0, 0);
    context.scale(devicePixelRatio || 1, devicePixelRatio || 1);
    labels.drawCommunities(context);
    canvas.toBlob((blob) => {
      const link = element("a", { href: URL.createObjectURL(blob!), download: `viewer-atlas-${state.atlas.head.date}.png` });
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }

  map.measure();
  // For tests, which wait for it and look inside.
  const inside = { state, map, labels, days, slider, select, isolate };
  Object.assign(window, { atlasExplorer: Object.defineProperty(inside, "atlas", { get: () => state.atlas }) });
  void permalink.read().then(() => {
    requestAnimationFrame(() => requestAnimationFrame(() => (document.documentElement.dataset.ready = "true")));
  });
}

main().catch((error: unknown) => {
  const told = element("p", { className: "card", textContent: "The atlas could not be loaded. Is its server running?" });
  byId("map").replaceChildren(told);
  console.error(error);
});
