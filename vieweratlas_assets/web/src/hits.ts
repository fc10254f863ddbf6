// Hit testing: the channel at a point. Reading it from WebGL would wait for the whole drawing queue.

import type { Atlas } from "./data";
import { defined } from "./defined";

const CELLS_PER_UNIT = 64;
/** Cells have one number: column times this, plus row. */
const ROWS = 4096;

export class HitGrid {
  private readonly cells = new Map<number, number[]>();
  private readonly maxRadius: number;

  constructor(private readonly atlas: Atlas) {
    let maxRadius = 0;
    for (let channel = 0; channel < atlas.size; channel++) {
      maxRadius = Math.max(maxRadius, defined(atlas.radius[channel]));
      const key = cellOf(defined(atlas.x[channel])) * ROWS + cellOf(defined(atlas.y[channel]));
      const cell = this.cells.get(key);
      if (cell) cell.push(channel);
      else this.cells.set(key, [channel]);
    }
    this.maxRadius = maxRadius;
  }

  /** The channel whose disc is nearest to a point of the map, at most `slack` outside it; null without one. */
  at(x: number, y: number, slack: number): number | null {
    const { atlas } = this;
    const reach = this.maxRadius + slack;
    let nearest: number | null = null;
    let distance = slack;
    for (let column = cellOf(x - reach); column <= cellOf(x + reach); column++) {
      for (let row = cellOf(y - reach); row <= cellOf(y + reach); row++) {
        for (const channel of this.cells.get(column * ROWS + row) ?? []) {
          const toCenter = Math.hypot(defined(atlas.x[channel]) - x, defined(atlas.y[channel]) - y);
          const outside = toCenter - defined(atlas.radius[channel]);
          if (outside <= distance) [nearest, distance] = [channel, outside];
        }
      }
    }
    return nearest;
  }
}

function cellOf(coordinate: number): number {
  return Math.floor(coordinate * CELLS_PER_UNIT) + 1024;
}
