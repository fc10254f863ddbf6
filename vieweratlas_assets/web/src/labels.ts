// Names on the map that do not overlap: communities as elements, channels on a canvas.

import { type Box, BoxGrid } from "./boxes";
import type { Atlas } from "./data";
import { defined } from "./defined";
import { byId, element } from "./dom";
import type { AtlasMap, Transform } from "./map";
import type { State } from "./state";
import { translucent, type Theme } from "./theme";

type LabelMap = Pick<
  AtlasMap,
  "transform" | "ratio" | "unitPx" | "isDragged" | "overlay" | "onScreen" | "channelOnScreen" | "colorOf"
>;
type LabelTheme = Pick<Theme, "ink" | "paper" | "font" | "onChange">;
type Measure = (text: string) => number;

const MAX_LABELS = 140;
const MAX_LABELS_NARROW = 45;
const NARROW_PX = 600;
const MAX_CANDIDATES = 1400;
const MAX_FOCUS_LINKS = 400;
const NAMED_NEIGHBORS = 30;
/** Closer than this ratio, channels have names instead of communities. */
const OVERVIEW_RATIO = 0.28;
/** While the user drags the map its names move along; new names are placed after this distance and at rest. */
const PLACE_EVERY_PX = 160;
const REST_MS = 150;
/** Widths are measured once at this font size and scaled. */
const MEASURED_PX = 100;
const LINE_HEIGHT = 1.12;
const MAX_LINES = 3;
const BOW = 0.12;

export class Labels {
  /** Channels with a name on the map, and the boxes of all names: for tests. */
  named: number[] = [];
  boxes: Box[] = [];
  private readonly layer = byId("countries");
  private countries: HTMLElement[] = [];
  private readonly countryBoxes = new Map<number, Box>();
  private readonly widths = new Map<string, number>();
  /** The map's transform when the names were placed; null when they must be placed again. */
  private placedAt: Transform | null = null;
  private shift: [right: number, down: number] = [0, 0];
  private timer = 0;

  constructor(
    private readonly map: LabelMap,
    private readonly state: State,
    private readonly theme: LabelTheme,
  ) {
    const invalidate = () => (this.placedAt = null);
    this.build();
    state.onDay(() => this.build());
    state.onChange(invalidate);
    theme.onChange(invalidate);
  }

  private get atlas(): Atlas {
    return this.state.atlas;
  }

  private build(): void {
    this.countries = this.atlas.head.communities.map(() => element("div", { className: "country", hidden: true }));
    this.layer.replaceChildren(...this.countries);
    this.placedAt = null;
  }

  get shownCommunities(): number {
    return this.countries.filter((country) => !country.hidden).length;
  }

  /** Show the names for the current view. */
  show(): void {
    const shift = this.placedAt && translation(this.placedAt, this.map.transform);
    if (!shift || Math.hypot(...shift) > PLACE_EVERY_PX) {
      this.draw();
      return;
    }
    this.moveTo(shift);
    this.drawAtRest();
  }

  private drawAtRest(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      if (this.map.isDragged) this.drawAtRest();
      else this.draw();
    }, REST_MS);
  }

  private moveTo([right, down]: [right: number, down: number]): void {
    this.shift = [right, down];
    const transform = right || down ? `translate(${right}px,${down}px)` : "";
    this.map.overlay.canvas.style.transform = transform;
    this.layer.style.transform = transform;
  }

  /** Place all names for the current view and draw them. */
  draw(): void {
    clearTimeout(this.timer);
    this.moveTo([0, 0]);
    this.placedAt = this.map.transform;
    const context = this.map.overlay;
    const density = devicePixelRatio || 1;
    const [width, height] = [context.canvas.width / density, context.canvas.height / density];
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, height);
    this.drawFocus(context);
    const grid = new BoxGrid();
    this.nameCommunities(context, grid, width, height);
    this.nameChannels(context, grid, width, height);
    this.boxes = grid.boxes;
  }

  /** The community whose name is at a point of the screen. */
  communityAt(x: number, y: number): number | null {
    const [right, down] = this.shift;
    for (const [community, box] of this.countryBoxes) {
      if (contains(box, x - right, y - down)) return community;
    }
    return null;
  }

  /** Draw the communities' names too, for a picture: on the page they are elements. */
  drawCommunities(context: CanvasRenderingContext2D): void {
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const [index, { anchor }] of this.atlas.head.communities.entries()) {
      const country = defined(this.countries[index]);
      if (country.hidden || !anchor) continue;
      const size = parseFloat(country.style.fontSize);
      const lines = country.textContent.split("\n");
      const [x, y] = this.map.onScreen(anchor[0], anchor[1]);
      context.font = `750 ${size}px ${this.theme.font}`;
      for (const [number, line] of lines.entries()) {
        this.write(context, line, x, y + (number - (lines.length - 1) / 2) * size * LINE_HEIGHT);
      }
    }
    context.textAlign = "start";
  }

  private drawFocus(context: CanvasRenderingContext2D): void {
    const { state, atlas, map } = this;
    const { focus } = state;
    if (focus === null) return;
    const [x, y] = map.channelOnScreen(focus);
    const edges = atlas.rankedEdges(focus).slice(0, MAX_FOCUS_LINKS);
    const weight = (edge: number) => atlas.sharedOf(edge) ?? atlas.strengthOf(edge);
    const [largest] = edges;
    const most = (largest === undefined ? 1 : weight(largest)) || 1;
    context.lineCap = "round";
    for (const edge of edges.reverse()) {
      const other = atlas.other(edge, focus);
      const [otherX, otherY] = map.channelOnScreen(other);
      const share = Math.sqrt(weight(edge) / most);
      context.strokeStyle = translucent(map.colorOf(other), Math.min(1, 0.25 + 0.6 * share));
      context.lineWidth = 0.6 + 2.6 * share;
      context.beginPath();
      context.moveTo(x, y);
      const middleX = (x + otherX) / 2 + (otherY - y) * BOW;
      const middleY = (y + otherY) / 2 - (otherX - x) * BOW;
      context.quadraticCurveTo(middleX, middleY, otherX, otherY);
      context.stroke();
    }
    context.beginPath();
    context.arc(x, y, defined(atlas.radius[focus]) * map.unitPx + 3, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.strokeStyle = this.theme.ink;
    context.stroke();
  }

  private nameCommunities(context: CanvasRenderingContext2D, grid: BoxGrid, width: number, height: number): void {
    const { state, atlas, map } = this;
    const writes = new Map<HTMLElement, () => void>();
    this.countryBoxes.clear();
    const isOverview = map.ratio > OVERVIEW_RATIO && state.focus === null;
    for (const [index, { name, anchor }] of atlas.head.communities.entries()) {
      const isNamed = state.community === null ? isOverview : state.community === index;
      if (!anchor || !isNamed) continue;
      const [x, y] = map.onScreen(anchor[0], anchor[1]);
      const room = anchor[2] * map.unitPx;
      if (x < 0 || y < 0 || x > width || y > height || room < 9) continue;
      const label = this.fit(context, grid, name, x, y, room);
      if (!label) continue;
      const country = defined(this.countries[index]);
      this.countryBoxes.set(index, label.box);
      writes.set(country, () => writeLabel(country, label));
    }
    // All measures come before all writes: alternating them would lay out the page each time.
    for (const country of this.countries) country.hidden = !writes.has(country);
    for (const write of writes.values()) write();
  }

  /** Take a free box for a community's name around a point, in a size that suits the room or in the smallest one. */
  private fit(
    context: CanvasRenderingContext2D,
    grid: BoxGrid,
    name: string,
    x: number,
    y: number,
    room: number,
  ): Label | null {
    for (const size of [Math.round(Math.max(11, Math.min(26, room * 0.24))), 11]) {
      const measure = (text: string) => this.width(context, text, 750, size);
      const lines = wrapped(name, Math.max(room * 1.9, 80), measure);
      const halfWidth = Math.max(...lines.map(measure)) / 2 + 4;
      const halfHeight = lines.length * size * 0.58 + 2;
      const box: Box = [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight];
      if (!grid.isFree(box)) continue;
      grid.add(box);
      return { text: lines.join("\n"), size, box };
    }
    return null;
  }

  private nameChannels(context: CanvasRenderingContext2D, grid: BoxGrid, width: number, height: number): void {
    const { state, atlas, map } = this;
    const most = width < NARROW_PX ? MAX_LABELS_NARROW : MAX_LABELS;
    const weight = state.lit ? 600 : 500;
    this.named = [];
    context.textBaseline = "middle";
    for (const channel of this.candidates(width, height)) {
      if (this.named.length >= most) break;
      const [x, y] = map.channelOnScreen(channel);
      const radius = defined(atlas.radius[channel]) * map.unitPx;
      // In half pixels: every other size would load another font.
      const size =
        channel === state.focus ? 16 : Math.round(2 * Math.max(10.5, Math.min(16, 8.5 + radius * 0.35))) / 2;
      const name = atlas.nameOf(channel);
      const length = this.width(context, name, weight, size);
      const half = size * 0.6;
      for (const [left, middle] of positionsAround(x, y, radius, length, half)) {
        const box: Box = [left - 2, middle - half, left + length + 2, middle + half];
        if (box[0] < 2 || box[1] < 2 || box[2] > width - 2 || box[3] > height - 2 || !grid.isFree(box)) continue;
        grid.add(box);
        this.named.push(channel);
        const font = `${weight} ${size}px ${this.theme.font}`;
        if (context.font !== font) context.font = font;
        this.write(context, name, left, middle);
        break;
      }
    }
  }

  /** Channels that may have a name, the most important first. */
  private *candidates(width: number, height: number): Generator<number> {
    const { state, atlas, map } = this;
    const { focus } = state;
    if (focus !== null) {
      yield focus;
      for (const edge of atlas.rankedEdges(focus).slice(0, NAMED_NEIGHBORS)) yield atlas.other(edge, focus);
      return;
    }
    let tried = 0;
    for (const channel of atlas.ranked) {
      if (!state.shows(channel)) continue;
      const [x, y] = map.channelOnScreen(channel);
      if (x < -40 || y < -10 || x > width + 10 || y > height + 10) continue;
      yield channel;
      if (++tried > MAX_CANDIDATES) return;
    }
  }

  private width(context: CanvasRenderingContext2D, text: string, weight: number, size: number): number {
    const key = `${weight} ${text}`;
    let known = this.widths.get(key);
    if (known === undefined) {
      context.font = `${weight} ${MEASURED_PX}px ${this.theme.font}`;
      known = context.measureText(text).width / MEASURED_PX;
      this.widths.set(key, known);
    }
    return known * size;
  }

  private write(context: CanvasRenderingContext2D, text: string, x: number, y: number): void {
    context.lineJoin = "round";
    context.lineWidth = 3;
    context.strokeStyle = translucent(this.theme.paper, 0.87);
    context.strokeText(text, x, y);
    context.fillStyle = this.theme.ink;
    context.fillText(text, x, y);
  }
}

/** A community's name and where it is. */
interface Label {
  text: string;
  size: number;
  box: Box;
}

function writeLabel(country: HTMLElement, { text, size, box: [left, top, right] }: Label): void {
  country.style.fontSize = `${size}px`;
  country.style.width = `${right - left}px`;
  if (country.textContent !== text) country.textContent = text;
  country.style.transform = `translate(${left.toFixed(1)}px,${top.toFixed(1)}px)`;
}

/** Where a channel's name may start, and its middle: below, right, left and above of the disc. */
function positionsAround(
  x: number,
  y: number,
  radius: number,
  length: number,
  half: number,
): [left: number, middle: number][] {
  return [
    [x - length / 2, y + radius + half],
    [x + radius + 3, y],
    [x - radius - 3 - length, y],
    [x - length / 2, y - radius - half],
  ];
}

/** How far the map moved between two transforms; null where its scale changed too. */
function translation(before: Transform, now: Transform): [right: number, down: number] | null {
  // Rounding changes the scale a little from place to place.
  const isSameScale = before.every((each, index) => index > 3 || Math.abs(each - defined(now[index])) < 1e-3);
  return isSameScale ? [now[4] - before[4], now[5] - before[5]] : null;
}

function contains([left, top, right, bottom]: Box, x: number, y: number): boolean {
  return x >= left && x <= right && y >= top && y <= bottom;
}

/** Break a name into at most three lines, where it is wider than allowed. */
export function wrapped(name: string, maxWidth: number, measure: Measure): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of name.split(" ")) {
    const longer = `${line} ${word}`.trim();
    if (line && measure(longer) > maxWidth && lines.length < MAX_LINES - 1) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  lines.push(line);
  return lines.map((each) => each.replace(/^· | ·$/g, ""));
}
