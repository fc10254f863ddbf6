// @vitest-environment happy-dom
/// <reference types="vite/client" />

import { beforeEach, describe, expect, test, vi } from "vitest";

import page from "../page.html?raw";
import { byId } from "./dom";
import { sampleAtlas, type SampleDay } from "./samples";
import { type Match, NameIndex, Search } from "./search";
import { State } from "./state";

const DAY: SampleDay = {
  channels: [
    { login: "chess24", viewers: 900 },
    { login: "gothamchess", name: "GothamChess", viewers: 5_000 },
    { login: "chessbrah", viewers: 12_000, community: 0 },
    { login: "elodie", name: "Élodie", viewers: 100 },
    { login: "한국어", name: "한국어TV", viewers: 50 },
  ],
  communities: [{ name: "Chess and Go", channels: 42 }, { name: "Cooking" }],
};

function names(index: NameIndex, day: SampleDay, query: string): (string | undefined)[] {
  const name = (match: Match) =>
    "channel" in match ? day.channels[match.channel]?.login : day.communities?.[match.community]?.name;
  return index.matches(query).map(name);
}

describe("matches", () => {
  const index = new NameIndex(sampleAtlas(DAY));

  test("are channels that start with the text, communities, then channels that contain it; the largest first", () => {
    expect(names(index, DAY, "chess")).toEqual(["chessbrah", "chess24", "Chess and Go", "gothamchess"]);
  });

  test("ignore accents, case and spaces around the text", () => {
    expect(names(index, DAY, "  ELÓ ")).toEqual(["elodie"]);
    expect(names(index, DAY, "한국")).toEqual(["한국어"]);
  });

  test("do not exist for no text or unknown text", () => {
    expect([names(index, DAY, " "), names(index, DAY, "nobody")]).toEqual([[], []]);
  });

  test("are at most 12, with room for 3 communities", () => {
    const channels = Array.from({ length: 30 }, (_, rank) => ({ login: `star${rank}`, viewers: 1000 - rank }));
    const communities = ["p", "q", "r", "s"].map((letter) => ({ name: `All stars ${letter}` }));
    const many = { channels, communities };
    const matches = names(new NameIndex(sampleAtlas(many)), many, "star");
    expect(matches).toEqual([
      ...channels.slice(0, 9).map(({ login }) => login),
      "All stars p",
      "All stars q",
      "All stars r",
    ]);
  });
});

test("a name selects its channel by login first, then by folded name", () => {
  const index = new NameIndex(sampleAtlas({ channels: [{ login: "other", name: "same" }, { login: "same" }] }));
  expect([index.channelNamed("same"), index.channelNamed("OTHER"), index.channelNamed("sam")]).toEqual([1, 0, null]);
  expect([index.channelNamed(""), index.channelNamed("__proto__")]).toEqual([null, null]);
});

describe("the combobox", () => {
  const onChannel = vi.fn<(channel: number) => void>();
  const onCommunity = vi.fn<(community: number) => void>();
  let state: State;
  let input: HTMLInputElement;
  let list: HTMLElement;

  beforeEach(() => {
    vi.clearAllMocks();
    document.documentElement.innerHTML = page;
    [input, list] = [byId("search", HTMLInputElement), byId("results")];
    state = new State(sampleAtlas(DAY));
    new Search(state, onChannel, onCommunity);
  });

  function type(text: string): void {
    input.value = text;
    input.dispatchEvent(new Event("input"));
  }

  function press(key: string): boolean {
    const event = new KeyboardEvent("keydown", { key, cancelable: true });
    input.dispatchEvent(event);
    return event.defaultPrevented;
  }

  function active(): string | undefined {
    const id = input.getAttribute("aria-activedescendant");
    return [...list.children].find((option) => option.id === id)?.textContent;
  }

  test("lists names with their figures and opens", () => {
    type("chess");
    const texts = [...list.children].map((option) => option.textContent);
    expect(texts).toEqual(["chessbrah12k", "chess24900", "Chess and Go42 channels", "GothamChess5,000"]);
    expect([list.hidden, input.getAttribute("aria-expanded")]).toEqual([false, "true"]);
    expect(byId("live").textContent).toBe("4 results");
  });

  test("goes through the list with the arrows and stops at its ends", () => {
    type("chess");
    expect(active()).toBe("chessbrah12k");
    press("ArrowUp");
    expect(active()).toBe("chessbrah12k");
    for (let times = 0; times < 9; times++) expect(press("ArrowDown")).toBe(true);
    expect(active()).toBe("GothamChess5,000");
    const selected = [...list.children].map((option) => option.getAttribute("aria-selected"));
    expect(selected).toEqual(["false", "false", "false", "true"]);
  });

  test("selects with Enter, shows the name and closes", () => {
    type("gotham");
    press("Enter");
    expect(onChannel.mock.calls).toEqual([[1]]);
    expect([input.value, list.hidden, input.getAttribute("aria-expanded")]).toEqual(["GothamChess", true, "false"]);
    press("Enter");
    expect(onChannel).toHaveBeenCalledTimes(1);
  });

  test("selects a community with the mouse", () => {
    type("and go");
    list.children[0]?.dispatchEvent(new MouseEvent("mousedown", { cancelable: true }));
    expect([onCommunity.mock.calls, onChannel.mock.calls]).toEqual([[[0]], []]);
    expect(input.value).toBe("Chess and Go");
  });

  test("reports an unknown name, which Enter does not select", () => {
    type("nobody");
    expect(list.textContent).toBe("Not on this day's map");
    expect([input.getAttribute("aria-expanded"), input.hasAttribute("aria-activedescendant")]).toEqual([
      "false",
      false,
    ]);
    expect([press("Enter"), press("ArrowDown")]).toEqual([true, false]);
    expect([...onChannel.mock.calls, ...onCommunity.mock.calls]).toEqual([]);
  });

  test("clears with Escape and leaves other keys to the page", () => {
    type("chess");
    expect([press("a"), press("Escape")]).toEqual([false, true]);
    expect([input.value, list.hidden]).toEqual(["", true]);
  });

  test("writes names as text", () => {
    state.show(sampleAtlas({ channels: [{ login: "x", name: "<img src=x>" }] }));
    type("<img");
    expect([list.querySelector("img"), list.textContent]).toEqual([null, "<img src=x>?"]);
  });

  test("searches the shown day, also while the list is open", () => {
    type("chess");
    state.show(sampleAtlas({ channels: [{ login: "chess_tv", viewers: 7 }] }));
    expect([...list.children].map((option) => option.textContent)).toEqual(["chess_tv7"]);
  });
});
