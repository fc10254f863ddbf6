// The map: discs and links drawn by sigma.js, its camera, and positions on the screen.

import Graph from "graphology";
import Sigma from "sigma";
import { EdgeLineProgram, NodeCircleProgram } from "sigma/rendering";
import type { Coordinates } from "sigma/types";

import type { Atlas } from "./data";
import { defined } from "./defined";
import { context2d } from "./dom";
import { HitGrid } from "./hits";
import type { State } from "./state";
import { mixed, type Theme } from "./theme";

export const WIDE_PX = 900;
const MIN_RATIO = 0.02;
const MAX_RATIO = 1.6;
const FLIGHT_MS = 450;
const SIDEBAR_PX = 300;
const ABOVE_PX = 120;
const BELOW_PX = 64;
const MARGIN_PX = 12;
const MIN_ROOM_PX = 24;
/** On a narrow screen a selected channel lies this share of the height above the middle. */
const SHEET_SHIFT = 0.13;
/** A pointer this near to a disc is on it. */
const SLACK_PX = 3;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** Middle of the screen, and the units of the map across its shorter side. */
export type View = [x: number, y: number, across: number];

/** From map to screen, as a canvas takes it: x' = a x + c y + e, y' = b x + d y + f. */
export type Transform = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

type Point = [x: number, y: number];

interface Disc {
  x: number;
  y: number;
  size: number;
  color: string;
}

interface Link {
  color: string;
}

/** Draws discs for the screen only: sigma would draw them again for its own hit testing. */
class DiscProgram extends NodeCircleProgram<Disc, Link> {
  constructor(gl: WebGLRenderingContext, _: WebGLFramebuffer | null, sigma: Sigma<Disc, Link>) {
    super(gl, null, sigma);
  }
}

export class AtlasMap {
  readonly sigma: Sigma<Disc, Link>;
  readonly countries: CanvasRenderingContext2D;
  readonly overlay: CanvasRenderingContext2D;
  private matrix: Transform = [1, 0, 0, 1, 0, 0];
  private graph: Graph<Disc, Link>;
  private hits: HitGrid;

  constructor(
    readonly element: HTMLElement,
    private readonly state: State,
    private readonly theme: Theme,
  ) {
    this.graph = this.buildGraph();
    this.sigma = new Sigma<Disc, Link>(this.graph, element, {
      renderLabels: false,
      enableEdgeEvents: false,
      itemSizesReference: "positions",
      zoomToSizeRatioFunction: (ratio) => ratio,
      minCameraRatio: MIN_RATIO,
      maxCameraRatio: MAX_RATIO,
      // Lines of one pixel; wider ones would be thousands of triangles.
      edgeProgramClasses: { line: EdgeLineProgram },
      nodeProgramClasses: { circle: DiscProgram },
      defaultEdgeType: "line",
      stagePadding: 0,
      allowInvalidContainer: true,
      defaultDrawNodeHover: () => undefined,
      nodeReducer: (node, data) => this.shadedDisc(Number(node), data),
      edgeReducer: (edge, data) => (this.hidesLink(linkOf(edge)) ? { ...data, hidden: true } : data),
    });
    this.hits = new HitGrid(this.atlas);
    Object.assign(this.sigma, { getNodeAtPosition: (point: Coordinates) => this.nodeAt(point) });
    this.countries = this.layer("countries", { beforeLayer: "edges" });
    this.overlay = this.layer("overlay", { afterLayer: "nodes" });
    this.sigma.resize(true);
    this.fit();
    this.sigma.on("resize", () => this.fit());
  }

  private get atlas(): Atlas {
    return this.state.atlas;
  }

  colorOf(channel: number): string {
    const community = this.atlas.communityOf(channel);
    return this.theme.color(community === null ? undefined : this.atlas.communityAt(community).colours);
  }

  /** Read the camera. Each frame calls this before it places anything. */
  measure(): void {
    const origin = this.sigma.graphToViewport({ x: 0, y: 0 });
    const right = this.sigma.graphToViewport({ x: 1, y: 0 });
    const up = this.sigma.graphToViewport({ x: 0, y: 1 });
    this.matrix = [right.x - origin.x, right.y - origin.y, up.x - origin.x, up.y - origin.y, origin.x, origin.y];
  }

  /** Pixels per unit of the map. */
  get unitPx(): number {
    return Math.hypot(this.matrix[0], this.matrix[1]);
  }

  get transform(): Transform {
    return this.matrix;
  }

  /** The camera's ratio: 1 shows the whole map, less is closer. */
  get ratio(): number {
    return this.sigma.getCamera().ratio;
  }

  get isDragged(): boolean {
    return this.sigma.getMouseCaptor().isMouseDown;
  }

  onScreen(x: number, y: number): Point {
    const m = this.matrix;
    return [m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]];
  }

  channelOnScreen(channel: number): Point {
    return this.onScreen(defined(this.atlas.x[channel]), defined(this.atlas.y[channel]));
  }

  get view(): View {
    const { clientWidth: width, clientHeight: height } = this.element;
    this.measure();
    const middle = this.sigma.viewportToGraph({ x: width / 2, y: height / 2 });
    return [middle.x, middle.y, Math.min(width, height) / this.unitPx];
  }

  set view([x, y, across]: View) {
    const camera = this.sigma.getCamera();
    const ratio = clampedRatio((camera.ratio * across) / this.view[2]);
    const to = { ...this.framed(x, y), ratio };
    // A running flight would continue from its own start.
    if (camera.isAnimated()) void camera.animate(to, { duration: 1 });
    camera.setState(to);
    this.measure();
  }

  /** Move the camera to a channel; on a narrow screen to the middle of what the sheet of details leaves free. */
  flyToChannel(channel: number, maxRatio: number): void {
    this.flyTo(defined(this.atlas.x[channel]), defined(this.atlas.y[channel]), Math.min(this.ratio, maxRatio));
  }

  flyTo(x: number, y: number, ratio: number): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    const to = clampedRatio(ratio);
    const unitsPerPixel = to / (this.ratio * this.unitPx);
    const below = width > WIDE_PX ? 0 : SHEET_SHIFT * height * unitsPerPixel;
    this.move({ ...this.framed(x, y - below), ratio: to });
  }

  zoom(factor: number): void {
    this.move({ ratio: clampedRatio(this.ratio * factor) });
  }

  pan(right: number, up: number): void {
    const camera = this.sigma.getCamera();
    this.move({ x: camera.x + right * camera.ratio, y: camera.y + up * camera.ratio });
  }

  reset(): void {
    this.move({ x: 0.5, y: 0.5, ratio: 1 });
  }

  /** Redraw with the current selection and filters. */
  shade(): void {
    this.sigma.refresh({ skipIndexation: true });
  }

  /** Redraw in the colors of the current theme. */
  repaint(): void {
    this.graph.updateEachNodeAttributes((node, disc) => ({ ...disc, color: this.colorOf(Number(node)) }));
    this.graph.updateEachEdgeAttributes((edge, link) => ({ ...link, color: this.linkColor(linkOf(edge)) }));
    this.sigma.refresh();
  }

  /** Draw another day and keep the view. */
  showDay(): void {
    const { view } = this;
    this.hits = new HitGrid(this.atlas);
    this.graph = this.buildGraph();
    this.sigma.setGraph(this.graph);
    this.fit();
    this.sigma.refresh();
    this.view = view;
  }

  private move(to: { x?: number; y?: number; ratio?: number }): void {
    const camera = this.sigma.getCamera();
    if (reducedMotion.matches) camera.setState({ ...camera.getState(), ...to });
    else void camera.animate(to, { duration: FLIGHT_MS });
  }

  private framed(x: number, y: number): Coordinates {
    return this.sigma.viewportToFramedGraph(this.sigma.graphToViewport({ x, y }));
  }

  private layer(name: string, place: { beforeLayer?: string; afterLayer?: string }): CanvasRenderingContext2D {
    this.sigma.createCanvasContext(name, { ...place, style: { pointerEvents: "none" } });
    return context2d(defined(this.sigma.getCanvases()[name]));
  }

  private nodeAt(point: Coordinates): string | null {
    // No channel while the map is dragged: each hovered channel would shade the whole map again.
    if (this.isDragged) return null;
    const { x, y } = this.sigma.viewportToGraph(point);
    const channel = this.hits.at(x, y, SLACK_PX / this.unitPx);
    return channel === null ? null : String(channel);
  }

  private buildGraph(): Graph<Disc, Link> {
    const { atlas } = this;
    const graph = new Graph<Disc, Link>({ type: "undirected", allowSelfLoops: false });
    for (let channel = 0; channel < atlas.size; channel++) {
      graph.addNode(channel, {
        x: defined(atlas.x[channel]),
        y: defined(atlas.y[channel]),
        size: defined(atlas.radius[channel]),
        color: this.colorOf(channel),
      });
    }
    for (const [edge, isDrawn] of atlas.drawn.entries()) {
      if (!isDrawn) continue;
      graph.addEdgeWithKey(`e${edge}`, atlas.a[edge], atlas.b[edge], { color: this.linkColor(edge) });
    }
    return graph;
  }

  /** Let the whole map fill the screen next to the sidebar, or between header and toolbars on a narrow screen. */
  private fit(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    // The page has no layout yet.
    if (!width || !height) return;
    const [left, bottom, right, top] = this.atlas.head.box;
    const isWide = width > WIDE_PX;
    const sidebar = isWide ? SIDEBAR_PX : 0;
    const above = isWide ? 0 : ABOVE_PX;
    const roomX = Math.max(width - sidebar - 2 * MARGIN_PX, MIN_ROOM_PX);
    const roomY = Math.max(height - above - BELOW_PX - MARGIN_PX, MIN_ROOM_PX);
    const unitsPerPixel = Math.max((right - left) / roomX, (top - bottom) / roomY);
    const x = (left + right) / 2 - (sidebar * unitsPerPixel) / 2;
    const y = (bottom + top) / 2 + ((above - BELOW_PX) * unitsPerPixel) / 2;
    const side = (unitsPerPixel * Math.min(width, height)) / 2;
    this.sigma.setCustomBBox({ x: [x - side, x + side], y: [y - side, y + side] });
  }

  private linkColor(edge: number): string {
    const { atlas, theme } = this;
    const [a, b] = [defined(atlas.a[edge]), defined(atlas.b[edge])];
    const isInside = atlas.communityOf(a) === atlas.communityOf(b);
    return mixed(this.colorOf(a), theme.paper, (isInside ? 0.22 : 0.14) + 0.2 * atlas.strengthOf(edge));
  }

  private shadedDisc(channel: number, disc: Disc): Disc {
    const { lit } = this.state;
    if (lit ? lit.has(channel) : this.state.shows(channel)) return disc;
    return { ...disc, color: mixed(disc.color, this.theme.paper, 0.17) };
  }

  private hidesLink(edge: number): boolean {
    const { state, atlas } = this;
    if (state.lit) return true;
    return state.isFiltered && !(state.shows(defined(atlas.a[edge])) && state.shows(defined(atlas.b[edge])));
  }
}

/** The link of an edge's key. */
function linkOf(key: string): number {
  return Number(key.slice(1));
}

function clampedRatio(ratio: number): number {
  return Math.max(MIN_RATIO, Math.min(MAX_RATIO, ratio));
}
