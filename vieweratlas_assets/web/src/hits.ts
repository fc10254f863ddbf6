// Which channel is under a point. WebGL could tell, but only by waiting for all that it has yet to draw.

import type { Atlas } from "./data";

const CELLS = 64;

export class Hits {
  private readonly cells = new Map<number, number[]>();
  private readonly largest: number;

  constructor(private readonly atlas: Atlas) {
    let largest = 0;
    for (let channel = 0; channel < atlas.size; channel++) {
      largest = Math.max(largest, atlas.radius[channel]);
      const key = cellOf(atlas.x[channel]) * 4096 + cellOf(atlas.y[channel]);
      const there = this.cells.get(key);
      if (there) there.push(channel);
      else this.cells.set(key, [channel]);
    }
    this.largest = largest;
  }

  /** The channel whose disc is nearest to a place of the map, no further than `slack` from its rim; null: none. */
  at(x: number, y: number, slack: number): number | null {
    const reach = this.largest + slack;
    let [found, nearest]: [number | null, number] = [null, slack];
    for (let column = cellOf(x - reach); column <= cellOf(x + reach); column++) {
      for (let row = cellOf(y - reach); row <= cellOf(y + reach); row++) {
        for (const channel of this.cells.get(column * 4096 + row) ?? []) {
          const { atlas } = this;
          const beyond = Math.hypot(atlas.x[channel] - x, atlas.y[channel] - y) - atlas.radius[channel];
          if (beyond <= nearest) [found, nearest] = [channel, beyond];
        }
      }
    }
    return found;
  }
}

function cellOf(place: number): number {
  return Math.floor(place * CELLS) + 1024;
}
