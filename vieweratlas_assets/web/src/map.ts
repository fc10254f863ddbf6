// The map itself: discs and links by sigma.js, its camera, and where things are on the screen.

import Graph from "graphology";
import type { Attributes } from "graphology-types";
import Sigma from "sigma";
import type { Coordinates } from "sigma/types";
import { EdgeLineProgram, NodeCircleProgram } from "sigma/rendering";

import type { Atlas } from "./data";
import { Hits } from "./hits";
import type { State } from "./state";
import { mixed, type Theme } from "./theme";

export const CLOSEST = 0.02;
export const FURTHEST = 1.6;
const FLIGHT_MS = 450;
const SIDEBAR_PX = 300;
export const WIDE_PX = 900;
const ABOVE_PX = 120;
const BELOW_PX = 64;
/** So much of the height lies a chosen channel above the middle of a narrow screen. */
const SHEET_SHIFT = 0.13;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Nearer than this to a disc is on it. */
const SLACK_PX = 3;

/** Discs that are drawn once, not a second time to be found: hits are looked up. */
class Discs extends NodeCircleProgram {
  constructor(gl: WebGLRenderingContext, _: WebGLFramebuffer | null, sigma: Sigma) {
    super(gl, null, sigma);
  }
}

export class AtlasMap {
  readonly sigma: Sigma;
  graph: Graph;
  readonly lands: CanvasRenderingContext2D;
  readonly overlay: CanvasRenderingContext2D;
  readonly element: HTMLElement;
  /** Pixels of the screen by units of the map: x = m[0] x + m[2] y + m[4], y = m[1] x + m[3] y + m[5]. */
  private matrix = [1, 0, 0, 1, 0, 0];
  private hits: Hits;

  constructor(
    element: HTMLElement,
    private readonly state: State,
    private readonly theme: Theme,
  ) {
    this.element = element;
    this.graph = this.drawn();
    this.sigma = new Sigma(this.graph, element, {
      renderLabels: false,
      enableEdgeEvents: false,
      itemSizesReference: "positions",
      zoomToSizeRatioFunction: (ratio) => ratio,
      minCameraRatio: CLOSEST,
      maxCameraRatio: FURTHEST,
      // Of one pixel: those of a width would be triangles by the thousands.
      edgeProgramClasses: { line: EdgeLineProgram },
      nodeProgramClasses: { circle: Discs },
      defaultEdgeType: "line",
      stagePadding: 0,
      allowInvalidContainer: true,
      defaultDrawNodeHover: () => undefined,
      nodeReducer: (node, data) => this.shaded(Number(node), data),
      edgeReducer: (edge, data) => (this.hides(Number(edge.slice(1))) ? { ...data, hidden: true } : data),
    });
    this.hits = new Hits(this.atlas);
    Object.assign(this.sigma, { getNodeAtPosition: (at: Coordinates) => this.nodeAt(at) });
    this.lands = this.layer("lands", { beforeLayer: "edges" });
    this.overlay = this.layer("overlay", { afterLayer: "nodes" });
    this.sigma.resize(true);
    this.fit();
    this.sigma.on("resize", () => this.fit());
  }

  private get atlas(): Atlas {
    return this.state.atlas;
  }

  colourOf(channel: number): string {
    const community = this.atlas.communityOf(channel);
    return this.theme.colour(community === null ? undefined : this.atlas.head.communities[community].colours);
  }

  /** Must be called before anything is placed in a frame. */
  measure(): void {
    const [origin, right, up] = [
      { x: 0, y: 0 },
      { x: 1, y: 0 },
      { x: 0, y: 1 },
    ].map((point) => this.sigma.graphToViewport(point));
    this.matrix = [right.x - origin.x, right.y - origin.y, up.x - origin.x, up.y - origin.y, origin.x, origin.y];
  }

  get unitPx(): number {
    return Math.hypot(this.matrix[0], this.matrix[1]);
  }

  get transform(): number[] {
    return this.matrix;
  }

  onScreen(x: number, y: number): [number, number] {
    const m = this.matrix;
    return [m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]];
  }

  channelOnScreen(channel: number): [number, number] {
    return this.onScreen(this.atlas.x[channel], this.atlas.y[channel]);
  }

  /** The place in the middle of the screen, and how many units of the map are across its shorter side. */
  get view(): [number, number, number] {
    const { clientWidth: width, clientHeight: height } = this.element;
    this.measure();
    const middle = this.sigma.viewportToGraph({ x: width / 2, y: height / 2 });
    return [middle.x, middle.y, Math.min(width, height) / this.unitPx];
  }

  set view([x, y, across]: [number, number, number]) {
    const now = this.view[2];
    const camera = this.sigma.getCamera();
    const to = { ...this.framed(x, y), ratio: clamped((camera.ratio * across) / now) };
    // A flight under way would go on from its own start.
    if (camera.isAnimated()) void camera.animate(to, { duration: 1 });
    camera.setState(to);
    this.measure();
  }

  /** On a narrow screen to the middle of what the sheet of details leaves free. */
  fly(x: number, y: number, ratio: number): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    const to = clamped(ratio);
    const unitsOfPixel = to / (this.sigma.getCamera().ratio * this.unitPx);
    const below = width > WIDE_PX ? 0 : SHEET_SHIFT * height * unitsOfPixel;
    this.move({ ...this.framed(x, y - below), ratio: to });
  }

  zoom(factor: number): void {
    this.move({ ratio: clamped(this.sigma.getCamera().ratio * factor) });
  }

  pan(right: number, up: number): void {
    const camera = this.sigma.getCamera();
    this.move({ x: camera.x + right * camera.ratio, y: camera.y + up * camera.ratio });
  }

  reset(): void {
    this.move({ x: 0.5, y: 0.5, ratio: 1 });
  }

  private move(to: { x?: number; y?: number; ratio?: number }): void {
    const camera = this.sigma.getCamera();
    if (calm.matches) camera.setState({ ...camera.getState(), ...to });
    else void camera.animate(to, { duration: FLIGHT_MS });
  }

  private framed(x: number, y: number): { x: number; y: number } {
    return this.sigma.viewportToFramedGraph(this.sigma.graphToViewport({ x, y }));
  }

  private layer(name: string, place: { beforeLayer?: string; afterLayer?: string }): CanvasRenderingContext2D {
    this.sigma.createCanvasContext(name, { ...place, style: { pointerEvents: "none" } });
    return this.sigma.getCanvases()[name].getContext("2d")!;
  }

  private nodeAt({ x, y }: Coordinates): string | null {
    // Who moves the map looks at no channel on the way: each would have the whole map shaded anew.
    if (this.sigma.getMouseCaptor().isMouseDown) return null;
    const place = this.sigma.viewportToGraph({ x, y });
    const channel = this.hits.at(place.x, place.y, SLACK_PX / this.unitPx);
    return channel === null ? null : String(channel);
  }

  private drawn(): Graph {
    const { atlas } = this;
    const graph = new Graph({ type: "undirected", allowSelfLoops: false });
    for (let channel = 0; channel < atlas.size; channel++) {
      graph.addNode(channel, { x: atlas.x[channel], y: atlas.y[channel], size: atlas.radius[channel] });
    }
    for (let edge = 0; edge < atlas.a.length; edge++) {
      if (atlas.drawn[edge]) graph.addEdgeWithKey(`e${edge}`, atlas.a[edge], atlas.b[edge]);
    }
    this.graph = graph;
    this.paint();
    return graph;
  }

  /** Draw what somebody looks at. */
  shade(): void {
    this.sigma.refresh({ skipIndexation: true });
  }

  /** Draw all in the colours of another theme. */
  repaint(): void {
    this.paint();
    this.sigma.refresh();
  }

  /** Draw another day where this one was looked at. */
  showDay(): void {
    const { view } = this;
    this.hits = new Hits(this.atlas);
    this.sigma.setGraph(this.drawn());
    this.fit();
    this.sigma.refresh();
    this.view = view;
  }

  /** Let the whole map fill the screen beside the sidebar, or below it on a narrow one. */
  private fit(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    // Of a page that is not laid out yet nothing can be told.
    if (!width || !height) return;
    const [left, low, right, high] = this.atlas.head.box;
    const isWide = width > WIDE_PX;
    const beside = isWide ? SIDEBAR_PX : 0;
    const above = isWide ? 0 : ABOVE_PX;
    const room = [width - beside - 24, height - above - BELOW_PX - 12].map((each) => Math.max(each, 24));
    const unit = Math.max((right - left) / room[0], (high - low) / room[1]);
    const x = (left + right) / 2 - (beside * unit) / 2;
    const y = (low + high) / 2 + ((above - BELOW_PX) * unit) / 2;
    const side = (unit * Math.min(width, height)) / 2;
    this.sigma.setCustomBBox({ x: [x - side, x + side], y: [y - side, y + side] });
  }

  private paint(): void {
    const { atlas, theme } = this;
    this.graph.updateEachNodeAttributes((node, data) => ({ ...data, color: this.colourOf(Number(node)) }));
    this.graph.updateEachEdgeAttributes((key, data) => {
      const edge = Number(key.slice(1));
      const inside = atlas.community[atlas.a[edge]] === atlas.community[atlas.b[edge]];
      return {
        ...data,
        color: mixed(this.colourOf(atlas.a[edge]), theme.paper, (inside ? 0.22 : 0.14) + 0.2 * atlas.strengthOf(edge)),
      };
    });
  }

  private shaded(channel: number, data: Attributes): Attributes {
    const { lit } = this.state;
    if (lit ? lit.has(channel) : this.state.shows(channel)) return data;
    return { ...data, color: mixed(data.color, this.theme.paper, 0.17) };
  }

  private hides(edge: number): boolean {
    const { state, atlas } = this;
    if (state.lit) return true;
    return state.isFiltered && !(state.shows(atlas.a[edge]) && state.shows(atlas.b[edge]));
  }
}

function clamped(ratio: number): number {
  return Math.max(CLOSEST, Math.min(FURTHEST, ratio));
}
