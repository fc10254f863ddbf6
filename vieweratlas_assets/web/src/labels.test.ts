// @vitest-environment happy-dom
/// <reference types="vite/client" />

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import page from "../page.html?raw";
import { type Box, BoxGrid } from "./boxes";
import { byId } from "./dom";
import { Labels, wrapped } from "./labels";
import type { Transform } from "./map";
import { sampleAtlas, type SampleDay } from "./samples";
import { State } from "./state";

const [WIDTH, HEIGHT] = [1000, 800];
/** Width of a letter, as a share of the font size. */
const LETTER = 0.5;

function overlap(one: Box, other: Box): boolean {
  return one[0] < other[2] && one[2] > other[0] && one[1] < other[3] && one[3] > other[1];
}

function pairs<Value>(values: Value[]): [Value, Value][] {
  return values.flatMap((one, index) => values.slice(index + 1).map((other): [Value, Value] => [one, other]));
}

describe("a long name", () => {
  const letters = (text: string) => text.length;

  test("breaks between words, into three lines at most", () => {
    expect(wrapped("one two three four five", 9, letters)).toEqual(["one two", "three", "four five"]);
    expect(wrapped("one two three four five six", 5, letters)).toEqual(["one", "two", "three four five six"]);
  });

  test("stays on a line where it fits or is one word", () => {
    expect(wrapped("one two", 7, letters)).toEqual(["one two"]);
    expect(wrapped("extraordinary", 5, letters)).toEqual(["extraordinary"]);
  });

  test("has no dot at the ends of its lines", () => {
    expect(wrapped("Chess · English", 8, letters)).toEqual(["Chess", "English"]);
  });
});

describe("a grid of boxes", () => {
  test("refuses boxes that overlap, also across cells, and takes those that touch", () => {
    const grid = new BoxGrid();
    grid.add([10, 10, 300, 40]);
    expect(grid.isFree([290, 30, 500, 60])).toBe(false);
    expect(grid.isFree([100, 0, 110, 200])).toBe(false);
    expect(grid.isFree([300, 10, 400, 40])).toBe(true);
    expect(grid.isFree([10, 40, 300, 80])).toBe(true);
    expect(grid.isFree([-50, -50, 9, 9])).toBe(true);
    expect(grid.boxes).toEqual([[10, 10, 300, 40]]);
  });

  test("agrees with comparing all boxes", () => {
    const grid = new BoxGrid();
    for (let number = 0; number < 400; number++) {
      const [left, top] = [((number * 37) % 900) - 50, ((number * 91) % 700) - 50];
      const box: Box = [left, top, left + 20 + (number % 7) * 30, top + 15];
      expect(grid.isFree(box)).toBe(!grid.boxes.some((other) => overlap(box, other)));
      if (grid.isFree(box)) grid.add(box);
    }
    expect(grid.boxes.length).toBeGreaterThan(100);
  });
});

/** Records the texts that are written on a canvas whose letters all have the same width. */
class FakeContext {
  readonly canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  font = "";
  texts: string[] = [];
  arcs = 0;
  curves = 0;
  measureText(text: string) {
    return { width: text.length * LETTER * parseFloat(this.font.split(" ")[1] ?? "") };
  }
  clearRect(): void {
    [this.texts, this.arcs, this.curves] = [[], 0, 0];
  }
  fillText(text: string): void {
    this.texts.push(text);
  }
  arc(): void {
    this.arcs++;
  }
  quadraticCurveTo(): void {
    this.curves++;
  }
  setTransform(): void {}
  strokeText(): void {}
  beginPath(): void {}
  moveTo(): void {}
  stroke(): void {}
}

/** A map of 1000 by 800 pixels without sigma. */
class FakeMap {
  readonly context = new FakeContext();
  /** Labels use the part of a canvas that is faked. */
  readonly overlay = this.context as unknown as CanvasRenderingContext2D;
  transform: Transform = [WIDTH, 0, 0, HEIGHT, 0, 0];
  ratio = 1;
  isDragged = false;

  constructor(private readonly state: State) {}

  get unitPx(): number {
    return this.transform[0];
  }
  colorOf(): string {
    return "#888888";
  }
  onScreen(x: number, y: number): [number, number] {
    const [a, , , d, e, f] = this.transform;
    return [a * x + e, d * y + f];
  }
  channelOnScreen(channel: number): [number, number] {
    const { x, y } = this.state.atlas;
    return this.onScreen(x[channel] ?? NaN, y[channel] ?? NaN);
  }
  /** Moves the map to the right, in pixels. */
  push(pixels: number): void {
    const [a, b, c, d, e, f] = this.transform;
    this.transform = [a, b, c, d, e + pixels, f];
  }
}

/** Channels on a grid, the first ones the largest; two communities with a country and one without. */
function crowd(count: number): SampleDay {
  const side = Math.ceil(Math.sqrt(count));
  return {
    channels: Array.from({ length: count }, (_, index) => ({
      login: `channel_${index}`,
      viewers: 10_000 - index,
      community: index % 2,
      x: ((index % side) + 0.5) / side,
      y: (Math.floor(index / side) + 0.5) / side,
      radius: 0.004,
    })),
    links: Array.from({ length: Math.min(count, 6) - 1 }, (_, index) => ({
      ends: ["channel_0", `channel_${index + 1}`],
      shared: 10 - index,
    })),
    communities: [
      { name: "Chess", anchor: [0.25, 0.5, 0.1] },
      { name: "Strategy games", anchor: [0.75, 0.5, 0.1] },
      { name: "Nowhere", anchor: null },
    ],
  };
}

describe("labels", () => {
  let state: State;
  let map: FakeMap;
  let labels: Labels;
  let changeTheme: () => void;

  function open(day: SampleDay): void {
    document.documentElement.innerHTML = page;
    state = new State(sampleAtlas(day));
    map = new FakeMap(state);
    const onChange = (listener: () => void) => (changeTheme = listener);
    labels = new Labels(map, state, { ink: "#ffffff", paper: "#000000", font: "sans-serif", onChange });
    labels.show();
  }

  function countries(): string[] {
    const shown = [...byId("countries").querySelectorAll<HTMLElement>(".country")].filter((each) => !each.hidden);
    return shown.map((each) => each.textContent);
  }

  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  test("do not overlap and lie on the screen", () => {
    open(crowd(900));
    expect(labels.boxes.length).toBe(labels.named.length + 2);
    expect(labels.named.length).toBeGreaterThan(30);
    expect(pairs(labels.boxes).filter(([one, other]) => overlap(one, other))).toEqual([]);
    for (const [left, top, right, bottom] of labels.boxes) {
      expect(left >= 0 && top >= 0 && right <= WIDTH && bottom <= HEIGHT).toBe(true);
    }
  });

  test("go to the largest channels and are written on the canvas", () => {
    open(crowd(900));
    expect(labels.named[0]).toBe(0);
    expect(map.context.texts).toEqual(labels.named.map((channel) => `channel_${channel}`));
  });

  test("are fewer on a narrow screen", () => {
    open(crowd(60));
    map.transform = [590, 0, 0, HEIGHT, 0, 0];
    map.context.canvas.width = 600;
    labels.draw();
    expect(labels.named.length).toBeGreaterThan(45);
    map.context.canvas.width = 590;
    labels.draw();
    expect(labels.named.length).toBe(45);
  });

  test("name communities with a country in the overview, and none close up", () => {
    open(crowd(4));
    expect(countries()).toEqual(["Chess", "Strategy games"]);
    expect(labels.shownCommunities).toBe(2);
    map.ratio = 0.2;
    labels.draw();
    expect([countries(), labels.shownCommunities]).toEqual([[], 0]);
    expect(labels.named.length).toBe(4);
  });

  test("name the isolated community only, also close up", () => {
    open(crowd(100));
    map.ratio = 0.2;
    state.change({ community: 1 });
    labels.show();
    expect(countries()).toEqual(["Strategy games"]);
    expect(labels.named.length).toBeGreaterThan(0);
    expect(labels.named.every((channel) => channel % 2 === 1)).toBe(true);
  });

  test("show the focused channel with its neighbors and links", () => {
    open(crowd(100));
    state.change({ selected: 0 });
    labels.show();
    expect(labels.named).toEqual([0, 1, 2, 3, 4, 5]);
    expect([countries(), map.context.curves, map.context.arcs]).toEqual([[], 5, 1]);
  });

  test("know which community has its name at a point", () => {
    open(crowd(4));
    expect([labels.communityAt(250, 400), labels.communityAt(750, 400), labels.communityAt(500, 100)]).toEqual([
      0,
      1,
      null,
    ]);
  });

  test("move along while the map is dragged and are placed again at rest", () => {
    open(crowd(100));
    const layer = byId("countries");
    map.isDragged = true;
    map.push(100);
    labels.show();
    expect([layer.style.transform, map.overlay.canvas.style.transform]).toEqual(
      Array(2).fill("translate(100px,0px)"),
    );
    expect([labels.communityAt(350, 400), labels.communityAt(250 - 50, 400)]).toEqual([0, null]);
    vi.advanceTimersByTime(1000);
    expect(layer.style.transform).toBe("translate(100px,0px)");
    map.isDragged = false;
    vi.advanceTimersByTime(150);
    expect(layer.style.transform).toBe("");
    expect(labels.communityAt(350, 400)).toBe(0);
  });

  test("are placed at once after a long way, another scale, another theme or another choice", () => {
    open(crowd(100));
    const place = vi.spyOn(labels, "draw");
    map.push(20);
    labels.show();
    expect(place).toHaveBeenCalledTimes(0);
    map.push(150);
    labels.show();
    expect(place).toHaveBeenCalledTimes(1);
    map.transform = [1200, 0, 0, 960, 0, 0];
    labels.show();
    expect(place).toHaveBeenCalledTimes(2);
    changeTheme();
    labels.show();
    expect(place).toHaveBeenCalledTimes(3);
    state.change({ community: 0 });
    labels.show();
    expect(place).toHaveBeenCalledTimes(4);
  });

  test("follow to another day", () => {
    open(crowd(4));
    state.show(
      sampleAtlas({
        channels: [{ login: "only", viewers: 5 }],
        communities: [{ name: "One", anchor: [0.5, 0.2, 0.1] }],
      }),
    );
    labels.show();
    expect([countries(), labels.named]).toEqual([["One"], [0]]);
  });

  test("include the shown communities in a picture", () => {
    open(crowd(4));
    map.context.texts = [];
    labels.drawCommunities(map.overlay);
    expect(map.context.texts).toEqual(["Chess", "Strategy games"]);
    state.change({ community: 1 });
    labels.draw();
    map.context.texts = [];
    labels.drawCommunities(map.overlay);
    expect(map.context.texts).toEqual(["Strategy games"]);
  });
});
