// What is known of the channel or community that somebody chose, or of what changed.

import { rankChange, sections, summary } from "./changes";
import type { Atlas, Changes } from "./data";
import type { Days } from "./days";
import type { State } from "./state";
import { byId, dayText, element, short, signed } from "./text";
import type { Theme } from "./theme";
import { trendLine } from "./trend";

const MOST_ROWS = 60;

/** What the panel leads to. */
export interface Leads {
  onChannel: (channel: number) => void;
  onCommunity: (community: number) => void;
  onClose: () => void;
}

interface Row {
  name: string;
  figures: string;
  /** Of the bar below, 0 to 1. */
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
    private readonly leads: Leads,
  ) {
    let shown: string | null = null;
    const show = () => {
      const { selected, missing, community, showsChanges, atlas } = state;
      const key = `${atlas.head.date} ${selected} ${missing} ${community} ${showsChanges} ${theme.isDark}`;
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
    // What was chosen in it is gone: who goes by keyboard goes on from here.
    if (hadFocus) this.panel.querySelector("button")?.focus();
  }

  private showChannel(channel: number): void {
    const { atlas } = this;
    const { head } = atlas;
    const community = atlas.communityOf(channel);
    const edges = atlas.rankedEdges(channel);
    const viewers = atlas.viewersOf(channel);
    const gain = atlas.gain(channel);
    const [login, name] = [head.channels[channel], atlas.nameOf(channel)];
    this.title(name);
    if (name.toLowerCase() !== login) this.tell(login);
    if (community === null) this.panel.append(element("p", { className: "of", textContent: "In no community" }));
    else {
      const of = head.communities[community];
      const link = element("button", { type: "button", className: "link", textContent: of.name });
      link.addEventListener("click", () => this.leads.onCommunity(community));
      this.panel.append(element("p", { className: "of" }, this.swatch(of.colours), link));
    }
    this.facts([
      ["Viewers", short(viewers), gain ? element("small", { textContent: ` ${signed(gain)}` }) : null],
      ["Rank", viewers === null ? "?" : `#${atlas.rank[channel] + 1}`, rankChange(atlas, channel)],
      ["Overlaps", String(edges.length), null],
    ]);
    const about = [head.games[atlas.game[channel]], head.languages[atlas.language[channel]]].filter(Boolean);
    if (about.length) this.tell(about.join(" · "));
    if (community !== null) this.tell(`Why here: ${head.communities[community].reason}`);
    this.trends(login);
    this.heading("Most shared audience");
    const most = edges.length ? (atlas.sharedOf(edges[0]) ?? atlas.strengthOf(edges[0])) : 1;
    this.rows(
      edges.slice(0, MOST_ROWS).map((edge) => {
        const other = atlas.other(edge, channel);
        const shared = atlas.sharedOf(edge);
        const share = shared === null || !viewers ? "" : ` · ${((100 * shared) / viewers).toFixed(1)} %`;
        const score = atlas.scoreOf(edge);
        const told = score === null ? "" : ` · z ${score.toFixed(1)}`;
        const figures = `${shared === null ? "?" : short(shared)}${share}${told}`;
        const length = (shared ?? atlas.strengthOf(edge)) / (most || 1);
        return { name: atlas.nameOf(other), figures, length, channel: other };
      }),
    );
  }

  private showMissing(login: string): void {
    this.title(login);
    this.tell(`Not on the map of ${dayText(this.atlas.head.date)}.`);
    this.trends(login);
  }

  private showCommunity(community: number): void {
    const { atlas } = this;
    const of = atlas.head.communities[community];
    this.title(of.name);
    const told = `${of.channels} channels · ${short(of.viewers)} viewers`;
    this.panel.append(element("p", { className: "of" }, this.swatch(of.colours), told));
    this.tell(of.reason);
    this.tell(`On the map since ${dayText(of.since)}`);
    this.heading("Largest channels");
    const members = [...atlas.ranked].filter((channel) => atlas.communityOf(channel) === community);
    const most = members.length ? atlas.viewersOf(members[0]) || 1 : 1;
    this.rows(
      members.slice(0, MOST_ROWS).map((channel) => {
        const viewers = atlas.viewersOf(channel);
        return { name: atlas.nameOf(channel), figures: short(viewers), length: (viewers ?? 0) / most, channel };
      }),
    );
  }

  private showChanges(changes: Changes): void {
    const { atlas } = this;
    this.title("What changed");
    this.tell(summary(changes));
    const found = sections(atlas, changes);
    if (!found.length) this.tell("All communities are as they were, and nobody won viewers.");
    for (const { title, rows } of found) {
      this.heading(title);
      this.rows(rows.map(({ text, ...row }) => ({ name: text, ...row })));
    }
  }

  /** Lines of the audience and of the largest overlaps, where there is more than one day. */
  private trends(login: string): void {
    const { date } = this.atlas.head;
    if (this.days.dates.length < 2) return;
    const place = element("div", { className: "trends" });
    this.panel.append(place);
    const unknown = () => null;
    void this.days.trend(login).catch(unknown).then((trend) => {
      if (!trend) return;
      place.append(
        element("h3", { textContent: `Over ${trend.days.length} days: viewers, and shared with` }),
        trendLine("All viewers", trend.days, trend.viewers, date),
        ...trend.overlaps.map(({ channel, shared }) => {
          const at = this.atlas.channelOf(channel);
          return trendLine(at === null ? channel : this.atlas.nameOf(at), trend.days, shared, date);
        }),
      );
    });
  }

  private title(title: string): void {
    const close = element("button", { type: "button", className: "close", ariaLabel: "Close details", textContent: "×" });
    close.addEventListener("click", this.leads.onClose);
    this.panel.append(close, element("h2", { textContent: title }));
  }

  private tell(text: string): void {
    this.panel.append(element("p", { className: "about", textContent: text }));
  }

  private heading(text: string): void {
    this.panel.append(element("h3", { textContent: text }));
  }

  private swatch(colours: [string, string]): HTMLElement {
    const swatch = element("i", { className: "swatch" });
    swatch.style.background = this.theme.colour(colours);
    return swatch;
  }

  private facts(facts: [name: string, value: string, change: HTMLElement | null][]): void {
    const list = element("dl");
    for (const [name, value, change] of facts) {
      const told = element("dd", { textContent: value });
      if (change) told.append(change);
      list.append(element("div", {}, element("dt", { textContent: name }), told));
    }
    this.panel.append(list);
  }

  private rows(rows: Row[]): void {
    this.panel.append(element("ol", { className: "rows" }, ...rows.map((row) => this.row(row))));
  }

  private row({ name, figures, length, channel, community }: Row): HTMLElement {
    const told = [
      element("span", { className: "name", textContent: name }),
      element("span", { className: "figures", textContent: figures }),
    ];
    if (length !== undefined) told.push(element("span", { className: "bar" }, this.bar(length, channel)));
    if (channel === undefined && community === undefined) return element("li", {}, element("div", { className: "row" }, ...told));
    const button = element("button", { type: "button" }, ...told);
    button.addEventListener("click", () => {
      if (channel !== undefined) this.leads.onChannel(channel);
      else if (community !== undefined) this.leads.onCommunity(community);
    });
    const item = element("li", {}, button);
    if (channel !== undefined) item.dataset.channel = String(channel);
    return item;
  }

  private bar(length: number, channel: number | undefined): HTMLElement {
    const community = channel === undefined ? null : this.atlas.communityOf(channel);
    const bar = element("i");
    bar.style.width = `${(100 * length).toFixed(1)}%`;
    bar.style.background = this.theme.colour(community === null ? undefined : this.atlas.head.communities[community].colours);
    return bar;
  }
}
