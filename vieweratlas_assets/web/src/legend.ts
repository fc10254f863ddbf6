// The communities by size, and filters by game and language.

import type { Atlas } from "./data";
import type { State } from "./state";
import { byId, element } from "./text";
import type { Theme } from "./theme";

export function buildLegend(
  atlas: Atlas,
  state: State,
  theme: Theme,
  onCommunity: (community: number) => void,
): void {
  const list = document.querySelector("#legend ol")!;
  const rows = atlas.head.communities.map((community, at) => {
    const swatch = element("i", { className: "swatch" });
    const button = element(
      "button",
      { type: "button" },
      swatch,
      element("span", { className: "name", textContent: community.name }),
      element("span", { className: "figures", textContent: String(community.channels) }),
    );
    button.addEventListener("click", () => onCommunity(at));
    list.append(element("li", {}, button));
    return { button, swatch, colours: community.colours };
  });
  const clustered = atlas.head.communities.reduce((sum, community) => sum + community.channels, 0);
  if (clustered < atlas.size) {
    const figures = element("span", { className: "figures", textContent: String(atlas.size - clustered) });
    const swatch = element("i", { className: "swatch grey" });
    const name = element("span", { className: "name", textContent: "Unclustered" });
    list.append(element("li", {}, element("div", { className: "row" }, swatch, name, figures)));
  }
  const show = () => {
    rows.forEach(({ button, swatch, colours }, at) => {
      swatch.style.background = theme.colour(colours);
      button.setAttribute("aria-pressed", String(state.community === at));
    });
  };
  state.onChange(show);
  theme.onChange(show);
  show();
  buildFilter(byId("game"), atlas.head.games, atlas.game, (game) => state.change({ game, selected: null }));
  buildFilter(byId("language"), atlas.head.languages, atlas.language, (language) =>
    state.change({ language, selected: null }),
  );
}

/** Choices with how many channels each has, the most frequent first. */
function buildFilter(
  select: HTMLSelectElement,
  values: string[],
  column: ArrayLike<number>,
  onChoice: (value: number | null) => void,
): void {
  const counts = new Uint32Array(values.length);
  for (let channel = 0; channel < column.length; channel++) if (column[channel] < values.length) counts[column[channel]]++;
  const order = [...values.keys()].sort((p, q) => counts[q] - counts[p] || p - q);
  for (const value of order) {
    select.append(element("option", { value: String(value), textContent: `${values[value]} (${counts[value]})` }));
  }
  select.parentElement!.hidden = !values.length;
  select.addEventListener("change", () => onChoice(select.value ? Number(select.value) : null));
}
