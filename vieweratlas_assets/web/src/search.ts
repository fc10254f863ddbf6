// Search for a channel or community by name: a combobox, https://www.w3.org/WAI/ARIA/apg/patterns/combobox/.

import type { Atlas } from "./data";
import { defined } from "./defined";
import { byId, element } from "./dom";
import type { State } from "./state";
import { folded, short } from "./text";

export type Match = { channel: number } | { community: number };

const MAX_MATCHES = 12;
const MAX_COMMUNITIES = 3;

/** The names of a day's channels and communities, folded for comparison. */
export class NameIndex {
  /** Login and display name of each channel. */
  private readonly channels: [login: string, name: string][];
  private readonly communities: string[];

  constructor(private readonly atlas: Atlas) {
    const { channels, names, communities } = atlas.head;
    this.channels = channels.map((login, channel) => [folded(login), folded(defined(names[channel]))]);
    this.communities = communities.map((community) => folded(community.name));
  }

  /** The channel with this login, or with this name when accents and case are ignored. */
  channelNamed(name: string): number | null {
    const text = folded(name);
    const index = text ? this.channels.findIndex((names) => names.includes(text)) : -1;
    return this.atlas.channelOf(name) ?? (index < 0 ? null : index);
  }

  /** Channels whose names start with the text, then communities and channels that contain it. */
  matches(query: string): Match[] {
    const text = folded(query.trim());
    if (!text) return [];
    const { starting, containing } = this.matchingChannels(text);
    const communities = this.matchingCommunities(text);
    const first = starting.slice(0, MAX_MATCHES - communities.length);
    return [...first, ...communities, ...containing].slice(0, MAX_MATCHES);
  }

  private matchingCommunities(text: string): Match[] {
    const matches: Match[] = [];
    for (const [community, name] of this.communities.entries()) {
      if (matches.length === MAX_COMMUNITIES) break;
      if (name.includes(text)) matches.push({ community });
    }
    return matches;
  }

  /** The largest channels first. */
  private matchingChannels(text: string): { starting: Match[]; containing: Match[] } {
    const starting: Match[] = [];
    const containing: Match[] = [];
    for (const channel of this.atlas.ranked) {
      const names = defined(this.channels[channel]);
      if (names.some((name) => name.startsWith(text))) starting.push({ channel });
      else if (names.some((name) => name.includes(text))) containing.push({ channel });
      if (starting.length >= MAX_MATCHES) break;
    }
    return { starting, containing };
  }
}

export class Search {
  private readonly input = byId("search", HTMLInputElement);
  private readonly list = byId("results", HTMLUListElement);
  private readonly status = byId("live");
  private index: NameIndex;
  private matches: Match[] = [];
  private active = -1;

  constructor(
    private readonly state: State,
    private readonly onChannel: (channel: number) => void,
    private readonly onCommunity: (community: number) => void,
  ) {
    this.index = new NameIndex(state.atlas);
    state.onDay(() => {
      this.index = new NameIndex(state.atlas);
      if (!this.list.hidden) this.update();
    });
    this.input.addEventListener("input", () => this.update());
    this.input.addEventListener("blur", () => this.close());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
  }

  private get atlas(): Atlas {
    return this.state.atlas;
  }

  focus(): void {
    this.input.focus();
    this.input.select();
  }

  channelNamed(name: string): number | null {
    return this.index.channelNamed(name);
  }

  /** List the matches for the current input. */
  private update(): void {
    const isEmpty = !folded(this.input.value.trim());
    this.matches = this.index.matches(this.input.value);
    const count = this.matches.length;
    this.list.replaceChildren(...this.matches.map((match, index) => this.option(match, index)));
    if (!isEmpty && !count) {
      this.list.append(element("li", { className: "empty", textContent: "Not on this day's map" }));
    }
    this.list.hidden = isEmpty;
    this.input.setAttribute("aria-expanded", String(count > 0));
    this.status.textContent = isEmpty ? "" : `${count} ${count === 1 ? "result" : "results"}`;
    this.activate(count ? 0 : -1);
  }

  private option(match: Match, index: number): HTMLLIElement {
    const figures = element("span", { textContent: this.figures(match) });
    const option = element("li", { id: `result-${index}`, role: "option" }, this.name(match), figures);
    option.addEventListener("mousedown", (event) => {
      event.preventDefault();
      this.choose(index);
    });
    return option;
  }

  private name(match: Match): string {
    return "channel" in match ? this.atlas.nameOf(match.channel) : this.atlas.communityAt(match.community).name;
  }

  private figures(match: Match): string {
    if ("channel" in match) return short(this.atlas.viewersOf(match.channel));
    return `${this.atlas.communityAt(match.community).channels} channels`;
  }

  private activate(index: number): void {
    this.active = index;
    for (const [position, option] of [...this.list.children].entries()) {
      option.setAttribute("aria-selected", String(position === index));
    }
    if (index < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `result-${index}`);
    this.list.children[index]?.scrollIntoView({ block: "nearest" });
  }

  private choose(index: number): void {
    const match = this.matches[index];
    if (!match || this.list.hidden) return;
    this.close();
    this.input.value = this.name(match);
    if ("channel" in match) this.onChannel(match.channel);
    else this.onCommunity(match.community);
  }

  private close(): void {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && this.matches.length) {
      this.activate(Math.max(0, Math.min(this.matches.length - 1, this.active + step)));
    } else if (event.key === "Enter") this.choose(this.active);
    else if (event.key === "Escape") {
      this.input.value = "";
      this.update();
      this.input.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
