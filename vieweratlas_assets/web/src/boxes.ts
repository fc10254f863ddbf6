// Boxes on the screen that names take up.

export type Box = [left: number, top: number, right: number, bottom: number];

const CELL_PX = 64;
/** Cells have one number: column times this, plus row. */
const ROWS = 4096;

/** Boxes that do not overlap, in a grid that finds those near a new one. */
export class BoxGrid {
  readonly boxes: Box[] = [];
  private readonly cells = new Map<number, Box[]>();

  isFree(box: Box): boolean {
    return cellsOf(box).every((cell) => !this.cells.get(cell)?.some((other) => overlap(box, other)));
  }

  add(box: Box): void {
    this.boxes.push(box);
    for (const number of cellsOf(box)) {
      const cell = this.cells.get(number);
      if (cell) cell.push(box);
      else this.cells.set(number, [box]);
    }
  }
}

function overlap(one: Box, other: Box): boolean {
  return one[0] < other[2] && one[2] > other[0] && one[1] < other[3] && one[3] > other[1];
}

function cellsOf([left, top, right, bottom]: Box): number[] {
  const cells = [];
  for (let x = Math.floor(left / CELL_PX); x <= Math.floor(right / CELL_PX); x++) {
    for (let y = Math.floor(top / CELL_PX); y <= Math.floor(bottom / CELL_PX); y++) cells.push(x * ROWS + y);
  }
  return cells;
}
