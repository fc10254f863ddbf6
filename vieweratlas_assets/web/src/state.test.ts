import { describe, expect, test } from "vitest";

import { sampleAtlas, type SampleDay } from "./samples";
import { State } from "./state";

const MONDAY: SampleDay = {
  date: "2026-11-23",
  channels: [
    { login: "anna", community: 0, game: "Art", language: "English" },
    { login: "ben", community: 0, game: "Chess", language: "English" },
    { login: "cleo", community: 1, game: "Chess", language: "German" },
    { login: "dan" },
  ],
  links: [{ ends: ["anna", "ben"] }, { ends: ["ben", "cleo"] }],
  communities: [{ id: 10 }, { id: 20 }],
};
/** Without anna and Art; communities and channels have other indices. */
const TUESDAY: SampleDay = {
  date: "2026-11-24",
  channels: [
    { login: "ben", community: 1, game: "Chess", language: "English" },
    { login: "cleo", community: 0, game: "Chess", language: "German" },
  ],
  links: [{ ends: ["ben", "cleo"] }],
  communities: [{ id: 20 }, { id: 10 }],
};
const [ANNA, BEN, CLEO, DAN] = [0, 1, 2, 3];

function monday(): State {
  return new State(sampleAtlas(MONDAY));
}

describe("the focus", () => {
  test("lights a channel and its neighbors", () => {
    const state = monday();
    state.change({ selected: BEN });
    expect(state.lit).toEqual(new Set([ANNA, BEN, CLEO]));
    state.change({ selected: DAN });
    expect(state.lit).toEqual(new Set([DAN]));
    state.change({ selected: null });
    expect([state.focus, state.lit]).toEqual([null, null]);
  });

  test("is the selected channel even when another one is hovered", () => {
    const state = monday();
    state.change({ hovered: ANNA });
    expect(state.lit).toEqual(new Set([ANNA, BEN]));
    state.change({ selected: CLEO });
    expect([state.focus, state.lit]).toEqual([CLEO, new Set([BEN, CLEO])]);
  });
});

describe("filters", () => {
  const shown = (state: State) => [ANNA, BEN, CLEO, DAN].filter((channel) => state.shows(channel));

  test("pass channels that match all of them", () => {
    const state = monday();
    expect([shown(state), state.isFiltered]).toEqual([[ANNA, BEN, CLEO, DAN], false]);
    state.change({ game: state.atlas.head.games.indexOf("Chess") });
    expect([shown(state), state.isFiltered]).toEqual([[BEN, CLEO], true]);
    state.change({ language: state.atlas.head.languages.indexOf("German") });
    expect(shown(state)).toEqual([CLEO]);
    state.change({ community: 0 });
    expect(shown(state)).toEqual([]);
    state.change({ game: null, language: null });
    expect(shown(state)).toEqual([ANNA, BEN]);
  });
});

describe("listeners", () => {
  test("run after the state is complete", () => {
    const state = monday();
    const seen: unknown[] = [];
    state.onChange(() => seen.push([state.selected, state.lit?.size]));
    state.change({ selected: BEN });
    state.change({ selected: null });
    expect(seen).toEqual([
      [BEN, 3],
      [null, undefined],
    ]);
  });

  test("of days run once per day, before those of changes", () => {
    const state = monday();
    const calls: string[] = [];
    state.onChange(() => calls.push("change"));
    state.onDay(() => calls.push(state.atlas.head.date));
    state.change({ selected: BEN });
    state.show(sampleAtlas(TUESDAY));
    expect(calls).toEqual(["change", "2026-11-24", "change"]);
  });
});

describe("a missing channel", () => {
  test("stays until something else is selected", () => {
    const state = monday();
    state.change({ selected: null, missing: "gone" });
    state.change({ community: 1 });
    expect(state.missing).toBe("gone");
    state.change({ selected: null });
    expect(state.missing).toBeNull();
  });
});

describe("another day", () => {
  test("keeps the channel, the community and the filters under their new indices", () => {
    const state = monday();
    state.change({ selected: CLEO, community: 0, game: 1, language: 0 });
    state.show(sampleAtlas(TUESDAY));
    const { atlas } = state;
    expect(state).toMatchObject({ selected: 1, missing: null, community: 1, language: 0 });
    expect(atlas.communityAt(1).id).toBe(10);
    expect(atlas.head.games).toEqual(["Chess"]);
    expect([state.game, state.lit]).toEqual([0, new Set([0, 1])]);
  });

  test("forgets what it does not have, and the hovered channel", () => {
    const state = monday();
    state.change({ hovered: DAN, community: 1, game: 0 });
    state.show(sampleAtlas({ ...TUESDAY, communities: [{ id: 30 }, { id: 40 }] }));
    expect(state).toMatchObject({
      selected: null,
      missing: null,
      hovered: null,
      community: null,
      game: null,
      lit: null,
    });
  });

  test("remembers a channel that is missing for a day", () => {
    const state = monday();
    state.change({ selected: ANNA });
    state.show(sampleAtlas(TUESDAY));
    expect([state.selected, state.missing, state.focus]).toEqual([null, "anna", null]);
    state.show(sampleAtlas(MONDAY));
    expect([state.selected, state.missing]).toEqual([ANNA, null]);
  });
});
