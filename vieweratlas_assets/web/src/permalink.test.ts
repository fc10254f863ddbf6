// @vitest-environment happy-dom

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { View } from "./map";
import { formatLink, type Link, parseLink, Permalink } from "./permalink";
import { sampleAtlas } from "./samples";
import { State } from "./state";

const NOTHING: Link = { date: null, login: null, community: null, view: null };

describe("a link", () => {
  const link: Link = { date: "2026-11-22", login: "名&=#", community: 12, view: [0.25, -1.5, 0.75] };

  test("reads back what it wrote", () => {
    expect(parseLink(formatLink(link))).toEqual(link);
    expect(parseLink(formatLink(NOTHING))).toEqual(NOTHING);
  });

  test("has a form that old addresses rely on", () => {
    expect(formatLink({ ...link, login: "anna" })).toBe("#d=2026-11-22&c=anna&k=12&v=0.2500_-1.5000_0.7500");
  });

  test.each(["", "#", "#%E0%A4%A", "#k=__proto__&v=x_y_z", "#k=-1", "#k=", "#k=1.5"])("%s names nothing", (hash) => {
    expect(parseLink(hash)).toEqual(NOTHING);
  });

  test.each(["1e99_NaN_-3", "0_0_0", "0_0_21", "6_0_1", "0_-5.1_1", "0_0", "0_0_1_1", "0_0_NaN", "0_0_Infinity"])(
    "has no view %s",
    (view) => {
      expect(parseLink(`#v=${view}`).view).toBeNull();
    },
  );
});

describe("the address", () => {
  const map = { view: [0.5, 0.5, 1] as View };
  const slider = { newest: "2026-11-22", goTo: vi.fn<(date: string) => Promise<boolean>>() };
  let state: State;
  let permalink: Permalink;

  beforeEach(() => {
    vi.useFakeTimers();
    history.replaceState(null, "", "#");
    map.view = [0.5, 0.5, 1];
    slider.newest = "2026-11-22";
    slider.goTo.mockReset().mockResolvedValue(true);
    const channels = [{ login: "anna" }, { login: "ben" }];
    state = new State(sampleAtlas({ channels, communities: [{ id: 4 }, { id: 9 }] }));
    permalink = new Permalink(map, state, slider, (name) => state.atlas.channelOf(name));
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  /** Opens an address without the event of the browser. */
  function open(hash: string): Promise<void> {
    history.replaceState(null, "", hash);
    return permalink.read();
  }

  test("restores day, channel, community and view", async () => {
    await open("#d=2026-11-20&c=ben&k=9&v=0.1_0.2_0.3");
    expect(slider.goTo.mock.calls).toEqual([["2026-11-20"]]);
    expect(state).toMatchObject({ selected: 1, missing: null, community: 1 });
    expect(map.view).toEqual([0.1, 0.2, 0.3]);
  });

  test("without a date is the newest day, and without a view keeps it", async () => {
    await open("#c=anna");
    expect(slider.goTo.mock.calls).toEqual([["2026-11-22"]]);
    expect([state.selected, map.view]).toEqual([0, [0.5, 0.5, 1]]);
  });

  test("reports a channel that the day lacks and ignores such a community", async () => {
    await open("#c=gone&k=5");
    expect(state).toMatchObject({ selected: null, missing: "gone", community: null });
  });

  test("is read again when it changes", async () => {
    location.hash = "#c=ben";
    window.dispatchEvent(new Event("hashchange"));
    await vi.runAllTimersAsync();
    expect(state.selected).toBe(1);
  });

  test("that is opened later wins over one whose day loads longer", async () => {
    let finish: (isCurrent: boolean) => void = () => undefined;
    slider.goTo.mockReturnValueOnce(new Promise((resolve) => (finish = resolve)));
    const slow = open("#d=2026-11-20&c=anna");
    await open("#c=ben");
    finish(true);
    await slow;
    expect(state.selected).toBe(1);
  });

  test("changes nothing when another day was requested in the meantime", async () => {
    slider.goTo.mockResolvedValue(false);
    await open("#d=2026-11-20&c=anna&v=0.1_0.2_0.3");
    expect([state.selected, map.view]).toEqual([null, [0.5, 0.5, 1]]);
  });

  test("is written once, after a pause", () => {
    state.change({ selected: 1, community: 1 });
    permalink.schedule();
    vi.advanceTimersByTime(200);
    permalink.schedule();
    vi.advanceTimersByTime(200);
    expect(location.hash).toBe("");
    vi.advanceTimersByTime(50);
    expect(location.hash).toBe("#c=ben&k=9&v=0.5000_0.5000_1.0000");
  });

  test("names an older day and a missing channel", () => {
    slider.newest = "2026-11-23";
    state.change({ selected: null, missing: "gone" });
    permalink.schedule();
    vi.runAllTimers();
    expect(parseLink(location.hash)).toMatchObject({ date: "2026-11-22", login: "gone", community: null });
  });

  test("is not overwritten while its day loads", async () => {
    let finish: (isCurrent: boolean) => void = () => undefined;
    slider.goTo.mockReturnValueOnce(new Promise((resolve) => (finish = resolve)));
    const reading = open("#d=2026-11-20&c=anna");
    permalink.schedule();
    vi.runAllTimers();
    expect(location.hash).toBe("#d=2026-11-20&c=anna");
    finish(true);
    await reading;
    permalink.schedule();
    vi.runAllTimers();
    expect(location.hash).toBe("#c=anna&v=0.5000_0.5000_1.0000");
  });
});
