// Names on the map: of communities as elements, of channels on a canvas; no name covers another.

import type { Atlas } from "./data";
import type { AtlasMap } from "./map";
import type { State } from "./state";
import { byId, element } from "./text";
import { translucent, type Theme } from "./theme";

type Box = [left: number, top: number, right: number, bottom: number];

const CELL_PX = 64;
const MOST_LABELS = 140;
const MOST_ON_NARROW = 45;
const MOST_TRIED = 1400;
const MOST_FOCUS_LINKS = 400;
const NAMED_NEIGHBOURS = 30;
/** Closer than this, communities' names give way to channels'. */
const OVERVIEW_RATIO = 0.28;
/** While the map is pushed along, its names go with it; they are chosen anew after so far, and once it rests. */
const CHOSEN_EVERY_PX = 160;
const RESTS_AFTER_MS = 150;
/** Widths are measured once, at this size: they grow with it. */
const MEASURED_PX = 100;

/** Boxes that are taken, found by the cells that they touch. */
class Taken {
  readonly boxes: Box[] = [];
  private readonly cells = new Map<number, Box[]>();

  isFree(box: Box): boolean {
    return this.cellsOf(box).every((cell) =>
      (this.cells.get(cell) ?? []).every(
        (other) => box[0] >= other[2] || box[2] <= other[0] || box[1] >= other[3] || box[3] <= other[1],
      ),
    );
  }

  take(box: Box): void {
    this.boxes.push(box);
    for (const cell of this.cellsOf(box)) {
      const there = this.cells.get(cell);
      if (there) there.push(box);
      else this.cells.set(cell, [box]);
    }
  }

  private cellsOf(box: Box): number[] {
    const cells = [];
    for (let x = Math.floor(box[0] / CELL_PX); x <= Math.floor(box[2] / CELL_PX); x++) {
      for (let y = Math.floor(box[1] / CELL_PX); y <= Math.floor(box[3] / CELL_PX); y++) cells.push(x * 4096 + y);
    }
    return cells;
  }
}

export class Labels {
  /** Channels whose names are shown, and the boxes of all names, for who looks at them from outside. */
  named: number[] = [];
  boxes: Box[] = [];
  private countries: HTMLElement[] = [];
  private countryBoxes = new Map<number, Box>();
  private readonly widths = new Map<string, number>();
  /** Where the map was when names were chosen; null: they are to be chosen anew. */
  private chosen: number[] | null = null;
  private shift: [number, number] = [0, 0];
  private timer = 0;

  constructor(
    private readonly map: AtlasMap,
    private readonly state: State,
    private readonly theme: Theme,
  ) {
    this.build();
    state.onDay(() => this.build());
    state.onChange(() => (this.chosen = null));
    theme.onChange(() => (this.chosen = null));
  }

  private get atlas(): Atlas {
    return this.state.atlas;
  }

  private build(): void {
    this.countries = this.atlas.head.communities.map(() => element("div", { className: "country", hidden: true }));
    byId("countries").replaceChildren(...this.countries);
    this.chosen = null;
  }

  get shownCommunities(): number {
    return this.countries.filter((country) => !country.hidden).length;
  }

  /** Show the names for where the map is now. */
  show(): void {
    const { transform, sigma } = this.map;
    const { chosen } = this;
    // Rounding changes the scale a little from place to place.
    const isOnlyPushed = chosen?.every((each, at) => at > 3 || Math.abs(each - transform[at]) < 1e-3);
    if (!chosen || !isOnlyPushed) return this.draw();
    const shift = [transform[4] - chosen[4], transform[5] - chosen[5]];
    if (Math.hypot(...shift) > CHOSEN_EVERY_PX) return this.draw();
    this.moveBy(shift[0], shift[1]);
    clearTimeout(this.timer);
    const rest = () => (sigma.getMouseCaptor().isMouseDown ? this.wait(rest) : this.draw());
    this.wait(rest);
  }

  private wait(act: () => void): void {
    this.timer = window.setTimeout(act, RESTS_AFTER_MS);
  }

  private moveBy(right: number, down: number): void {
    this.shift = [right, down];
    const moved = right || down ? `translate(${right}px,${down}px)` : "";
    this.map.overlay.canvas.style.transform = byId("countries").style.transform = moved;
  }

  draw(): void {
    clearTimeout(this.timer);
    this.moveBy(0, 0);
    this.chosen = [...this.map.transform];
    const context = this.map.overlay;
    const density = devicePixelRatio || 1;
    const [width, height] = [context.canvas.width / density, context.canvas.height / density];
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, height);
    this.drawFocus(context);
    const taken = new Taken();
    this.nameCommunities(context, taken, width, height);
    this.nameChannels(context, taken, width, height);
    this.boxes = taken.boxes;
  }

  /** The community whose name is at a point of the screen. */
  communityAt(x: number, y: number): number | null {
    const [over, down] = [x - this.shift[0], y - this.shift[1]];
    for (const [community, [left, top, right, bottom]] of this.countryBoxes) {
      if (over >= left && over <= right && down >= top && down <= bottom) return community;
    }
    return null;
  }

  /** Write communities' names too, for a picture: on the page they are elements. */
  drawCommunities(context: CanvasRenderingContext2D): void {
    context.textAlign = "center";
    context.textBaseline = "middle";
    this.countries.forEach((country, at) => {
      if (country.hidden) return;
      const anchor = this.atlas.head.communities[at].anchor!;
      const size = parseFloat(country.style.fontSize);
      const lines = country.textContent!.split("\n");
      context.font = `750 ${size}px ${this.theme.font}`;
      lines.forEach((line, number) => {
        const [x, y] = this.map.onScreen(anchor[0], anchor[1]);
        this.write(context, line, x, y + (number - (lines.length - 1) / 2) * size * 1.12, this.theme.ink);
      });
    });
    context.textAlign = "start";
  }

  private drawFocus(context: CanvasRenderingContext2D): void {
    const { state, atlas, map } = this;
    const { focus } = state;
    if (focus === null) return;
    const [x, y] = map.channelOnScreen(focus);
    const edges = atlas.rankedEdges(focus).slice(0, MOST_FOCUS_LINKS);
    const weight = (edge: number) => atlas.sharedOf(edge) ?? atlas.strengthOf(edge);
    const most = edges.length ? weight(edges[0]) || 1 : 1;
    context.lineCap = "round";
    for (const edge of edges.reverse()) {
      const other = atlas.other(edge, focus);
      const [otherX, otherY] = map.channelOnScreen(other);
      const share = Math.sqrt(weight(edge) / most);
      context.strokeStyle = translucent(map.colourOf(other), Math.min(1, 0.25 + 0.6 * share));
      context.lineWidth = 0.6 + 2.6 * share;
      context.beginPath();
      context.moveTo(x, y);
      const bow = 0.12;
      const middle = [(x + otherX) / 2 + (otherY - y) * bow, (y + otherY) / 2 - (otherX - x) * bow];
      context.quadraticCurveTo(middle[0], middle[1], otherX, otherY);
      context.stroke();
    }
    context.beginPath();
    context.arc(x, y, atlas.radius[focus] * map.unitPx + 3, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.strokeStyle = this.theme.ink;
    context.stroke();
  }

  private nameCommunities(context: CanvasRenderingContext2D, taken: Taken, width: number, height: number): void {
    const { state, atlas, map } = this;
    const shown = new Map<HTMLElement, () => void>();
    this.countryBoxes.clear();
    const isOverview = map.sigma.getCamera().ratio > OVERVIEW_RATIO && state.focus === null;
    atlas.head.communities.forEach((community, at) => {
      const country = this.countries[at];
      const isMeant = state.community === null || state.community === at;
      if (!community.anchor || !isMeant || !(isOverview || state.community === at)) return;
      const [x, y] = map.onScreen(community.anchor[0], community.anchor[1]);
      const room = community.anchor[2] * map.unitPx;
      if (x < 0 || y < 0 || x > width || y > height || room < 9) return;
      for (const size of [Math.round(Math.max(11, Math.min(26, room * 0.24))), 11]) {
        const width = (text: string) => this.width(context, text, 750, size);
        const lines = wrapped(community.name, Math.max(room * 1.9, 80), width);
        const half = [Math.max(...lines.map(width)) / 2 + 4, lines.length * size * 0.58 + 2];
        const box: Box = [x - half[0], y - half[1], x + half[0], y + half[1]];
        if (!taken.isFree(box)) continue;
        taken.take(box);
        this.countryBoxes.set(at, box);
        shown.set(country, () => {
          country.style.fontSize = `${size}px`;
          country.style.width = `${2 * half[0]}px`;
          const text = lines.join("\n");
          if (country.textContent !== text) country.textContent = text;
          country.style.transform = `translate(${box[0].toFixed(1)}px,${box[1].toFixed(1)}px)`;
        });
        return;
      }
    });
    // All at once, and after all is measured: what changes the page between measures has it laid out each time.
    for (const country of this.countries) country.hidden = !shown.has(country);
    for (const show of shown.values()) show();
  }

  private nameChannels(context: CanvasRenderingContext2D, taken: Taken, width: number, height: number): void {
    const { state, atlas, map } = this;
    const most = width < 600 ? MOST_ON_NARROW : MOST_LABELS;
    this.named = [];
    context.textBaseline = "middle";
    for (const channel of this.candidates(width, height)) {
      if (this.named.length >= most) break;
      const [x, y] = map.channelOnScreen(channel);
      const radius = atlas.radius[channel] * map.unitPx;
      const isFocus = channel === state.focus;
      // In half pixels: every other size would be a font of its own.
      const size = isFocus ? 16 : Math.round(2 * Math.max(10.5, Math.min(16, 8.5 + radius * 0.35))) / 2;
      const weight = state.lit ? 600 : 500;
      const name = atlas.nameOf(channel);
      const long = this.width(context, name, weight, size);
      const half = size * 0.6;
      for (const [left, middle] of [
        [x - long / 2, y + radius + half],
        [x + radius + 3, y],
        [x - radius - 3 - long, y],
        [x - long / 2, y - radius - half],
      ]) {
        const box: Box = [left - 2, middle - half, left + long + 2, middle + half];
        if (box[0] < 2 || box[1] < 2 || box[2] > width - 2 || box[3] > height - 2 || !taken.isFree(box)) continue;
        taken.take(box);
        this.named.push(channel);
        const font = `${weight} ${size}px ${this.theme.font}`;
        if (context.font !== font) context.font = font;
        this.write(context, name, left, middle, this.theme.ink);
        break;
      }
    }
  }

  /** Channels that may be named, the most important first. */
  private *candidates(width: number, height: number): Generator<number> {
    const { state, atlas, map } = this;
    const { focus } = state;
    if (focus !== null) {
      yield focus;
      for (const edge of atlas.rankedEdges(focus).slice(0, NAMED_NEIGHBOURS)) yield atlas.other(edge, focus);
      return;
    }
    let tried = 0;
    for (const channel of atlas.ranked) {
      if (!state.shows(channel)) continue;
      const [x, y] = map.channelOnScreen(channel);
      if (x < -40 || y < -10 || x > width + 10 || y > height + 10) continue;
      yield channel;
      if (++tried > MOST_TRIED) return;
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

  private write(context: CanvasRenderingContext2D, text: string, x: number, y: number, colour: string): void {
    context.lineJoin = "round";
    context.lineWidth = 3;
    context.strokeStyle = translucent(this.theme.paper, 0.87);
    context.strokeText(text, x, y);
    context.fillStyle = colour;
    context.fillText(text, x, y);
  }
}

function wrapped(text: string, most: number, measure: (text: string) => number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (lines.at(-1) && measure(longer) > most && lines.length < 3) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.map((line) => line.replace(/^· | ·$/g, ""));
}
