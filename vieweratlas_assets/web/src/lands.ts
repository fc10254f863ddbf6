// Countries, on a canvas below the links.

import type { AtlasMap } from "./map";
import type { State } from "./state";
import { translucent, type Theme } from "./theme";

export class Lands {
  private paths: Path2D[] = [];

  constructor(
    private readonly map: AtlasMap,
    private readonly state: State,
    private readonly theme: Theme,
  ) {
    this.build();
    state.onDay(() => this.build());
  }

  private build(): void {
    this.paths = this.state.atlas.head.communities.map((community) => {
      const path = new Path2D();
      for (const ring of community.rings) {
        for (let at = 0; at < ring.length; at += 2) path[at ? "lineTo" : "moveTo"](ring[at], ring[at + 1]);
        path.closePath();
      }
      return path;
    });
  }

  draw(): void {
    const context = this.map.lands;
    const density = devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    const [a, b, c, d, e, f] = this.map.transform.map((each) => each * density);
    context.setTransform(a, b, c, d, e, f);
    const pixel = 1 / this.map.unitPx;
    this.state.atlas.head.communities.forEach((community, at) => {
      const isMeant = this.state.community === null || this.state.community === at;
      const colour = this.theme.colour(community.colours);
      context.fillStyle = translucent(colour, isMeant ? (this.theme.isDark ? 0.13 : 0.16) : 0.04);
      context.fill(this.paths[at], "evenodd");
      context.strokeStyle = translucent(colour, isMeant ? 0.6 : 0.12);
      context.lineWidth = (this.state.community === at ? 2.5 : 1.2) * pixel;
      context.stroke(this.paths[at]);
    });
  }
}
