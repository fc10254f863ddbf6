// The communities by size, and filters by game and language.

import type { State } from "./state";
import { byId, element } from "./text";
import type { Theme } from "./theme";

export function buildLegend(state: State, theme: Theme, onCommunity: (community: number) => void): void {
  let buttons: HTMLButtonElement[] = [];
  const show = () => {
    buttons.forEach((button, at) => {
      const swatch = button.firstElementChild as HTMLElement;
      swatch.style.background = theme.colour(state.atlas.head.communities[at].colours);
      button.setAttribute("aria-pressed", String(state.community === at));
    });
  };
  const build = () => {
    const focused = buttons.findIndex((button) => button === document.activeElement);
    buttons = listCommunities(state, onCommunity);
    fillFilter("game", state, state.atlas.head.games);
    fillFilter("language", state, state.atlas.head.languages);
    // Communities keep their order from day to day, but for a few.
    if (focused >= 0) buttons[Math.min(focused, buttons.length - 1)]?.focus();
  };
  for (const filter of ["game", "language"] as const) {
    const select = byId<HTMLSelectElement>(filter);
    select.addEventListener("change", () =>
      state.change({ [filter]: select.value ? Number(select.value) : null, selected: null }),
    );
  }
  build();
  state.onDay(build);
  state.onChange(show);
  theme.onChange(show);
  show();
}

function listCommunities(state: State, onCommunity: (community: number) => void): HTMLButtonElement[] {
  const { atlas } = state;
  const list = document.querySelector("#legend ol")!;
  const buttons = atlas.head.communities.map((community, at) => {
    const button = element(
      "button",
      { type: "button" },
      element("i", { className: "swatch" }),
      element("span", { className: "name", textContent: community.name }),
      element("span", { className: "figures", textContent: String(community.channels) }),
    );
    button.addEventListener("click", () => onCommunity(at));
    return button;
  });
  list.replaceChildren(...buttons.map((button) => element("li", {}, button)));
  const clustered = atlas.head.communities.reduce((sum, community) => sum + community.channels, 0);
  if (clustered < atlas.size) {
    const figures = element("span", { className: "figures", textContent: String(atlas.size - clustered) });
    const swatch = element("i", { className: "swatch grey" });
    const name = element("span", { className: "name", textContent: "Unclustered" });
    list.append(element("li", {}, element("div", { className: "row" }, swatch, name, figures)));
  }
  return buttons;
}

/** Choices with how many channels each has, the most frequent first. */
function fillFilter(filter: "game" | "language", state: State, values: string[]): void {
  const column = state.atlas[filter];
  const counts = new Uint32Array(values.length);
  for (let channel = 0; channel < column.length; channel++) if (column[channel] < values.length) counts[column[channel]]++;
  const order = [...values.keys()].sort((p, q) => counts[q] - counts[p] || p - q);
  const select = byId<HTMLSelectElement>(filter);
  select.replaceChildren(
    element("option", { value: "", textContent: "all" }),
    ...order.map((value) => element("option", { value: String(value), textContent: `${values[value]} (${counts[value]})` })),
  );
  select.value = state[filter] === null ? "" : String(state[filter]);
  select.parentElement!.hidden = !values.length;
}
