// Finding a channel or community by its name: a combobox, https://www.w3.org/WAI/ARIA/apg/patterns/combobox/.

import type { Atlas } from "./data";
import type { State } from "./state";
import { byId, element, folded, short } from "./text";

type Found = { channel: number } | { community: number };

const MOST_FOUND = 12;
const MOST_COMMUNITIES = 3;

export class Search {
  private readonly input = byId<HTMLInputElement>("search");
  private readonly list = byId<HTMLUListElement>("results");
  /** Of each channel its login and its name, folded. */
  private names: [string, string][] = [];
  private communities: string[] = [];
  private found: Found[] = [];
  private active = -1;

  constructor(
    private readonly state: State,
    private readonly onChannel: (channel: number) => void,
    private readonly onCommunity: (community: number) => void,
  ) {
    this.build();
    state.onDay(() => {
      this.build();
      if (this.list.hidden) return;
      this.look();
    });
    this.input.addEventListener("input", () => this.look());
    this.input.addEventListener("blur", () => this.close());
    this.input.addEventListener("keydown", (event) => this.key(event));
  }

  private get atlas(): Atlas {
    return this.state.atlas;
  }

  private build(): void {
    const { head } = this.atlas;
    this.names = head.channels.map((login, at) => [folded(login), folded(head.names[at])]);
    this.communities = head.communities.map((community) => folded(community.name));
  }

  focus(): void {
    this.input.focus();
    this.input.select();
  }

  channelNamed(name: string): number | null {
    const text = folded(name);
    const at = this.names.findIndex((names) => text && names.includes(text));
    return this.atlas.channelOf(name) ?? (at < 0 ? null : at);
  }

  private look(): void {
    const text = folded(this.input.value.trim());
    const [beginning, within] = this.findChannels(text);
    const communities = [...this.findCommunities(text)];
    const first = beginning.slice(0, MOST_FOUND - communities.length);
    this.found = text ? [...first, ...communities, ...within].slice(0, MOST_FOUND) : [];
    this.list.replaceChildren(...this.found.map((found, at) => this.option(found, at)));
    if (text && !this.found.length) {
      this.list.append(element("li", { className: "none", textContent: "Not on this day's map" }));
    }
    this.list.hidden = !text;
    this.input.setAttribute("aria-expanded", String(this.found.length > 0));
    byId("live").textContent = text ? `${this.found.length} results` : "";
    this.activate(this.found.length ? 0 : -1);
  }

  private *findCommunities(text: string): Generator<Found> {
    let count = 0;
    for (const [community, name] of this.communities.entries()) {
      if (name.includes(text) && count++ < MOST_COMMUNITIES) yield { community };
    }
  }

  /** Channels whose names begin so, and those that hold it; the largest first. */
  private findChannels(text: string): [Found[], Found[]] {
    const [beginning, within]: [Found[], Found[]] = [[], []];
    for (const channel of this.atlas.ranked) {
      const names = this.names[channel];
      if (names.some((name) => name.startsWith(text))) beginning.push({ channel });
      else if (names.some((name) => name.includes(text))) within.push({ channel });
      if (beginning.length >= MOST_FOUND) break;
    }
    return [beginning, within];
  }

  private option(found: Found, at: number): HTMLLIElement {
    const isChannel = "channel" in found;
    const community = isChannel ? null : this.atlas.head.communities[found.community];
    const name = isChannel ? this.atlas.nameOf(found.channel) : community!.name;
    const figures = isChannel ? short(this.atlas.viewersOf(found.channel)) : `${community!.channels} channels`;
    const option = element("li", { id: `result-${at}`, role: "option" }, name, element("span", { textContent: figures }));
    option.addEventListener("mousedown", (event) => {
      event.preventDefault();
      this.choose(at);
    });
    return option;
  }

  private activate(at: number): void {
    this.active = at;
    for (const [place, option] of [...this.list.children].entries()) {
      option.setAttribute("aria-selected", String(place === at));
    }
    if (at < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `result-${at}`);
    this.list.children[at]?.scrollIntoView({ block: "nearest" });
  }

  private choose(at: number): void {
    const found = this.found[at];
    if (!found || this.list.hidden) return;
    this.close();
    if ("channel" in found) {
      this.input.value = this.atlas.nameOf(found.channel);
      this.onChannel(found.channel);
    } else {
      this.input.value = this.atlas.head.communities[found.community].name;
      this.onCommunity(found.community);
    }
  }

  private close(): void {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
  }

  private key(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && this.found.length) this.activate(Math.max(0, Math.min(this.found.length - 1, this.active + step)));
    else if (event.key === "Enter") this.choose(this.active);
    else if (event.key === "Escape") {
      this.input.value = "";
      this.look();
      this.input.blur();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
