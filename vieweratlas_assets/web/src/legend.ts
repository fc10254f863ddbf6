// The list of communities by size, and filters by game and language.

import { increment } from "./data";
import { defined } from "./defined";
import { byId, bySelector, element } from "./dom";
import type { State } from "./state";
import type { Theme } from "./theme";

type Filter = "game" | "language";

interface Entry {
  button: HTMLButtonElement;
  swatch: HTMLElement;
}

export function buildLegend(state: State, theme: Theme, onCommunity: (community: number) => void): void {
  let entries: Entry[] = [];
  const show = () => {
    for (const [index, { button, swatch }] of entries.entries()) {
      swatch.style.background = theme.color(state.atlas.communityAt(index).colours);
      button.setAttribute("aria-pressed", String(state.community === index));
    }
  };
  const build = () => {
    const focused = entries.findIndex(({ button }) => button === document.activeElement);
    entries = listCommunities(state, onCommunity);
    fillFilter("game", state, state.atlas.head.games);
    fillFilter("language", state, state.atlas.head.languages);
    // Most communities keep their position from day to day.
    if (focused >= 0) entries[Math.min(focused, entries.length - 1)]?.button.focus();
  };
  listenToFilter("game", state);
  listenToFilter("language", state);
  build();
  state.onDay(build);
  state.onChange(show);
  theme.onChange(show);
  show();
}

function listenToFilter(filter: Filter, state: State): void {
  const select = byId(filter, HTMLSelectElement);
  select.addEventListener("change", () => {
    const value = select.value ? Number(select.value) : null;
    state.change(filter === "game" ? { game: value, selected: null } : { language: value, selected: null });
  });
}

function listCommunities(state: State, onCommunity: (community: number) => void): Entry[] {
  const { communities } = state.atlas.head;
  const entries = communities.map((community, index) => {
    const swatch = element("i", { className: "swatch" });
    const button = element(
      "button",
      { type: "button" },
      swatch,
      element("span", { className: "name", textContent: community.name }),
      element("span", { className: "figures", textContent: String(community.channels) }),
    );
    button.addEventListener("click", () => onCommunity(index));
    return { button, swatch };
  });
  const items = entries.map(({ button }) => element("li", {}, button));
  const clustered = communities.reduce((sum, community) => sum + community.channels, 0);
  if (clustered < state.atlas.size) items.push(unclusteredItem(state.atlas.size - clustered));
  bySelector("#legend ol").replaceChildren(...items);
  return entries;
}

function unclusteredItem(channels: number): HTMLLIElement {
  const swatch = element("i", { className: "swatch gray" });
  const name = element("span", { className: "name", textContent: "Unclustered" });
  const figures = element("span", { className: "figures", textContent: String(channels) });
  return element("li", {}, element("div", { className: "row" }, swatch, name, figures));
}

/** List the values with the number of channels of each, the most frequent first. */
function fillFilter(filter: Filter, state: State, values: string[]): void {
  const counts = new Uint32Array(values.length);
  for (const value of state.atlas[filter]) if (value < values.length) increment(counts, value);
  const options = values.map((name, value) => ({ name, value, count: defined(counts[value]) }));
  options.sort((p, q) => q.count - p.count || p.value - q.value);
  const select = byId(filter, HTMLSelectElement);
  select.replaceChildren(
    element("option", { value: "", textContent: "all" }),
    ...options.map(({ name, value, count }) =>
      element("option", { value: String(value), textContent: `${name} (${count})` }),
    ),
  );
  select.value = state[filter] === null ? "" : String(state[filter]);
  for (const label of select.labels) label.hidden = !values.length;
}
