// Details of the selected channel or community, or what changed.

import { rankChange, sections, summary } from "./changes";
import type { Atlas, Changes, Colors } from "./data";
import type { Days } from "./days";
import { byId, element } from "./dom";
import type { State } from "./state";
import { dayText, short, signed } from "./text";
import type { Theme } from "./theme";
import { trendLine } from "./trend";

const MAX_ROWS = 60;

/** What clicks in the panel do. */
export interface Actions {
  onChannel: (channel: number) => void;
  onCommunity: (community: number) => void;
  onClose: () => void;
}

interface Row {
  name: string;
  figures: string;
  /** Length of the bar below, 0 to 1. */
  length?: number;
  channel?: number;
  community?: number;
}

export class Panel {
  private readonly panel = byId("panel");

  constructor(
    private readonly days: Days,
    private readonly state: State,
    private readonly theme: Theme,
    private readonly actions: Actions,
  ) {
    let shown: string | null = null;
    const show = () => {
      const { selected, missing, community, showsChanges, atlas } = state;
      const key = JSON.stringify([atlas.head.date, selected, missing, community, showsChanges, theme.isDark]);
      if (key === shown) return;
      shown = key;
      this.show();
    };
    state.onChange(show);
    theme.onChange(show);
  }

  private get atlas(): Atlas {
    return this.state.atlas;
  }

  private show(): void {
    const { selected, missing, community, showsChanges } = this.state;
    const { changes } = this.atlas.head;
    const hadFocus = this.panel.contains(document.activeElement);
    this.panel.replaceChildren();
    if (selected !== null) this.showChannel(selected);
    else if (missing !== null) this.showMissing(missing);
    else if (community !== null) this.showCommunity(community);
    else if (showsChanges && changes) this.showChanges(changes);
    this.panel.hidden = !this.panel.childElementCount;
    // The focused element is gone: keyboard users continue from the first button.
    if (hadFocus) this.panel.querySelector("button")?.focus();
  }

  private showChannel(channel: number): void {
    const { atlas } = this;
    const [login, name] = [atlas.loginOf(channel), atlas.nameOf(channel)];
    const community = atlas.communityOf(channel);
    this.title(name);
    if (name.toLowerCase() !== login) this.note(login);
    this.communityLink(community);
    this.facts(channel);
    const tags = [atlas.gameOf(channel), atlas.languageOf(channel)].filter((tag) => tag !== null);
    if (tags.length) this.note(tags.join(" · "));
    if (community !== null) this.note(`Why here: ${atlas.communityAt(community).reason}`);
    this.trends(login);
    this.heading("Most shared audience");
    this.rows(this.overlapRows(channel));
  }

  private communityLink(community: number | null): void {
    if (community === null) {
      this.panel.append(element("p", { className: "community", textContent: "In no community" }));
      return;
    }
    const { name, colours } = this.atlas.communityAt(community);
    const link = element("button", { type: "button", className: "link", textContent: name });
    link.addEventListener("click", () => this.actions.onCommunity(community));
    this.panel.append(element("p", { className: "community" }, this.swatch(colours), link));
  }

  private facts(channel: number): void {
    const { atlas } = this;
    const viewers = atlas.viewersOf(channel);
    const gain = atlas.gain(channel);
    const facts: [name: string, value: string, change: HTMLElement | null][] = [
      ["Viewers", short(viewers), gain ? element("small", { textContent: ` ${signed(gain)}` }) : null],
      ["Rank", viewers === null ? "?" : `#${atlas.rankOf(channel)}`, rankChange(atlas, channel)],
      ["Overlaps", String(atlas.edgesOf(channel).length), null],
    ];
    const list = element("dl");
    for (const [name, value, change] of facts) {
      const description = element("dd", { textContent: value });
      if (change) description.append(change);
      list.append(element("div", {}, element("dt", { textContent: name }), description));
    }
    this.panel.append(list);
  }

  private overlapRows(channel: number): Row[] {
    const { atlas } = this;
    const viewers = atlas.viewersOf(channel);
    const edges = atlas.rankedEdges(channel);
    const weight = (edge: number) => atlas.sharedOf(edge) ?? atlas.strengthOf(edge);
    const [largest] = edges;
    const most = (largest === undefined ? 1 : weight(largest)) || 1;
    return edges.slice(0, MAX_ROWS).map((edge) => {
      const other = atlas.other(edge, channel);
      const shared = atlas.sharedOf(edge);
      const score = atlas.scoreOf(edge);
      const share = shared === null || !viewers ? "" : ` · ${((100 * shared) / viewers).toFixed(1)} %`;
      const figures = `${short(shared)}${share}${score === null ? "" : ` · z ${score.toFixed(1)}`}`;
      return { name: atlas.nameOf(other), figures, length: weight(edge) / most, channel: other };
    });
  }

  private showMissing(login: string): void {
    this.title(login);
    this.note(`Not on the map of ${dayText(this.atlas.head.date)}.`);
    this.trends(login);
  }

  private showCommunity(community: number): void {
    const { atlas } = this;
    const { name, channels, viewers, colours, reason, since } = atlas.communityAt(community);
    this.title(name);
    const figures = `${channels} channels · ${short(viewers)} viewers`;
    this.panel.append(element("p", { className: "community" }, this.swatch(colours), figures));
    this.note(reason);
    this.note(`On the map since ${dayText(since)}`);
    this.heading("Largest channels");
    const members = [...atlas.ranked].filter((channel) => atlas.communityOf(channel) === community);
    const [largest] = members;
    const most = (largest === undefined ? 1 : atlas.viewersOf(largest)) ?? 1;
    this.rows(
      members.slice(0, MAX_ROWS).map((channel) => {
        const viewers = atlas.viewersOf(channel);
        return {
          name: atlas.nameOf(channel),
          figures: short(viewers),
          length: (viewers ?? 0) / (most || 1),
          channel,
        };
      }),
    );
  }

  private showChanges(changes: Changes): void {
    this.title("What changed");
    this.note(summary(changes));
    const all = sections(this.atlas, changes);
    if (!all.length) this.note("No community changed, and no channel gained viewers.");
    for (const { title, rows } of all) {
      this.heading(title);
      this.rows(rows.map(({ text, ...row }) => ({ name: text, ...row })));
    }
  }

  /** Charts of the viewers and of the largest overlaps, where there is more than one day. */
  private trends(login: string): void {
    const { date } = this.atlas.head;
    if (this.days.dates.length < 2) return;
    const place = element("div", { className: "trends" });
    this.panel.append(place);
    const fill = async () => {
      const trend = await this.days.trend(login).catch(() => null);
      if (!trend) return;
      const { days, viewers, overlaps } = trend;
      place.append(
        element("h3", { textContent: `Over ${days.length} days: viewers, and viewers shared with` }),
        trendLine("All viewers", days, viewers, date),
        ...overlaps.map(({ channel, shared }) => trendLine(this.nameOf(channel), days, shared, date)),
      );
    };
    void fill();
  }

  private nameOf(login: string): string {
    const channel = this.atlas.channelOf(login);
    return channel === null ? login : this.atlas.nameOf(channel);
  }

  private title(title: string): void {
    const close = element("button", {
      type: "button",
      className: "close",
      ariaLabel: "Close details",
      textContent: "×",
    });
    close.addEventListener("click", this.actions.onClose);
    this.panel.append(close, element("h2", { textContent: title }));
  }

  private note(text: string): void {
    this.panel.append(element("p", { className: "about", textContent: text }));
  }

  private heading(text: string): void {
    this.panel.append(element("h3", { textContent: text }));
  }

  private swatch(colors: Colors): HTMLElement {
    const swatch = element("i", { className: "swatch" });
    swatch.style.background = this.theme.color(colors);
    return swatch;
  }

  private rows(rows: Row[]): void {
    this.panel.append(element("ol", { className: "rows" }, ...rows.map((row) => this.row(row))));
  }

  private row({ name, figures, length, channel, community }: Row): HTMLElement {
    const parts = [
      element("span", { className: "name", textContent: name }),
      element("span", { className: "figures", textContent: figures }),
    ];
    if (length !== undefined) parts.push(element("span", { className: "bar" }, this.bar(length, channel)));
    if (channel === undefined && community === undefined) {
      return element("li", {}, element("div", { className: "row" }, ...parts));
    }
    const button = element("button", { type: "button" }, ...parts);
    button.addEventListener("click", () => {
      if (channel !== undefined) this.actions.onChannel(channel);
      else if (community !== undefined) this.actions.onCommunity(community);
    });
    const item = element("li", {}, button);
    if (channel !== undefined) item.dataset.channel = String(channel);
    return item;
  }

  private bar(length: number, channel: number | undefined): HTMLElement {
    const community = channel === undefined ? null : this.atlas.communityOf(channel);
    const bar = element("i");
    bar.style.width = `${(100 * length).toFixed(1)}%`;
    bar.style.background = this.theme.color(
      community === null ? undefined : this.atlas.communityAt(community).colours,
    );
    return bar;
  }
}
