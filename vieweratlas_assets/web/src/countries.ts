// Countries, the areas of the communities, on a canvas below the links.

import { defined } from "./defined";
import type { AtlasMap } from "./map";
import type { State } from "./state";
import { translucent, type Theme } from "./theme";

export class Countries {
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
    this.paths = this.state.atlas.head.communities.map((community) => borderPath(community.rings));
  }

  draw(): void {
    const { state, map, theme } = this;
    const context = map.countries;
    const density = devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    const [a, b, c, d, e, f] = map.transform;
    context.setTransform(a * density, b * density, c * density, d * density, e * density, f * density);
    const pixel = 1 / map.unitPx;
    for (const [index, community] of state.atlas.head.communities.entries()) {
      const path = defined(this.paths[index]);
      const isChosen = state.community === index;
      const isDimmed = !isChosen && state.community !== null;
      const color = theme.color(community.colours);
      context.fillStyle = translucent(color, isDimmed ? 0.04 : theme.isDark ? 0.13 : 0.16);
      context.fill(path, "evenodd");
      context.strokeStyle = translucent(color, isDimmed ? 0.12 : 0.6);
      context.lineWidth = (isChosen ? 2.5 : 1.2) * pixel;
      context.stroke(path);
    }
  }
}

function borderPath(rings: number[][]): Path2D {
  const path = new Path2D();
  for (const ring of rings) {
    for (let index = 0; index < ring.length; index += 2) {
      const [x, y] = [defined(ring[index]), defined(ring[index + 1])];
      if (index) path.lineTo(x, y);
      else path.moveTo(x, y);
    }
    path.closePath();
  }
  return path;
}
