// What is known of the channel or community that somebody chose.

import type { Atlas } from "./data";
import type { State } from "./state";
import { byId, element, short } from "./text";
import type { Theme } from "./theme";

const MOST_ROWS = 60;

export class Panel {
  private readonly panel = byId("panel");

  constructor(
    private readonly atlas: Atlas,
    private readonly state: State,
    private readonly theme: Theme,
    private readonly onChannel: (channel: number) => void,
    private readonly onCommunity: (community: number) => void,
    private readonly onClose: () => void,
  ) {
    let shown: string | null = null;
    const show = () => {
      const key = `${state.selected} ${state.community} ${theme.isDark}`;
      if (key === shown) return;
      shown = key;
      this.show();
    };
    state.onChange(show);
    theme.onChange(show);
  }

  private show(): void {
    const { selected, community } = this.state;
    this.panel.hidden = selected === null && community === null;
    const hadFocus = this.panel.contains(document.activeElement);
    this.panel.replaceChildren();
    if (selected !== null) this.showChannel(selected);
    else if (community !== null) this.showCommunity(community);
    // What was chosen in it is gone: who goes by keyboard goes on from here.
    if (hadFocus) this.panel.querySelector("button")?.focus();
  }

  private showChannel(channel: number): void {
    const { atlas } = this;
    const { head } = atlas;
    const community = atlas.communityOf(channel);
    const edges = atlas.rankedEdges(channel);
    const viewers = atlas.viewersOf(channel);
    this.head(head.channels[channel]);
    if (community === null) this.panel.append(element("p", { className: "of", textContent: "In no community" }));
    else {
      const of = head.communities[community];
      const link = element("button", { type: "button", className: "link", textContent: of.name });
      link.addEventListener("click", () => this.onCommunity(community));
      this.panel.append(element("p", { className: "of" }, this.swatch(of.colours), link));
    }
    this.facts([
      ["Viewers", short(viewers)],
      ["Rank", viewers === null ? "?" : `#${atlas.rank[channel] + 1}`],
      ["Overlaps", String(edges.length)],
    ]);
    const about = [head.games[atlas.game[channel]], head.languages[atlas.language[channel]]].filter(Boolean);
    if (about.length) this.panel.append(element("p", { className: "about", textContent: about.join(" · ") }));
    if (community !== null) {
      const reason = `Why here: ${head.communities[community].reason}`;
      this.panel.append(element("p", { className: "about", textContent: reason }));
    }
    this.panel.append(element("h3", { textContent: "Most shared audience" }));
    const most = edges.length ? (atlas.sharedOf(edges[0]) ?? atlas.strengthOf(edges[0])) : 1;
    this.rows(
      edges.slice(0, MOST_ROWS).map((edge) => {
        const other = atlas.other(edge, channel);
        const shared = atlas.sharedOf(edge);
        const share = shared === null || !viewers ? "" : ` · ${((100 * shared) / viewers).toFixed(1)} %`;
        const score = atlas.scoreOf(edge);
        const told = score === null ? "" : ` · z ${score.toFixed(1)}`;
        const figures = `${shared === null ? "?" : short(shared)}${share}${told}`;
        return { channel: other, figures, length: (shared ?? atlas.strengthOf(edge)) / (most || 1) };
      }),
    );
  }

  private showCommunity(community: number): void {
    const { atlas } = this;
    const of = atlas.head.communities[community];
    this.head(of.name);
    const told = `${of.channels} channels · ${short(of.viewers)} viewers`;
    this.panel.append(element("p", { className: "of" }, this.swatch(of.colours), told));
    this.panel.append(element("p", { className: "about", textContent: of.reason }));
    this.panel.append(element("h3", { textContent: "Largest channels" }));
    const members = [...atlas.ranked].filter((channel) => atlas.communityOf(channel) === community);
    const most = members.length ? atlas.viewersOf(members[0]) || 1 : 1;
    this.rows(
      members.slice(0, MOST_ROWS).map((channel) => {
        const viewers = atlas.viewersOf(channel);
        return { channel, figures: short(viewers), length: (viewers ?? 0) / most };
      }),
    );
  }

  private head(title: string): void {
    const close = element("button", { type: "button", className: "close", ariaLabel: "Close details", textContent: "×" });
    close.addEventListener("click", this.onClose);
    this.panel.append(close, element("h2", { textContent: title }));
  }

  private swatch(colours: [string, string]): HTMLElement {
    const swatch = element("i", { className: "swatch" });
    swatch.style.background = this.theme.colour(colours);
    return swatch;
  }

  private facts(facts: [string, string][]): void {
    const list = element("dl");
    for (const [name, value] of facts) {
      list.append(element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value })));
    }
    this.panel.append(list);
  }

  private rows(rows: { channel: number; figures: string; length: number }[]): void {
    const list = element("ol", { id: "rows" });
    for (const { channel, figures, length } of rows) {
      const community = this.atlas.communityOf(channel);
      const bar = element("i");
      bar.style.width = `${(100 * length).toFixed(1)}%`;
      bar.style.background = this.theme.colour(
        community === null ? undefined : this.atlas.head.communities[community].colours,
      );
      const button = element(
        "button",
        { type: "button" },
        element("span", { className: "name", textContent: this.atlas.head.channels[channel] }),
        element("span", { className: "figures", textContent: figures }),
        element("span", { className: "bar" }, bar),
      );
      button.addEventListener("click", () => this.onChannel(channel));
      const item = element("li", {}, button);
      item.dataset.channel = String(channel);
      list.append(item);
    }
    this.panel.append(list);
  }
}
