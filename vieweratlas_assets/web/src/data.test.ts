import { describe, expect, test } from "vitest";

import { Atlas, type Column, type ColumnType, type Head, NONE, readAtlas } from "./data";
import { sampleAtlas, sampleColumns, type SampleDay, sampleHead } from "./samples";

const DAY: SampleDay = {
  channels: [
    { login: "anna", name: "Änna", viewers: 300, community: 0, game: "Chess", x: 0.25, y: 0.75 },
    { login: "ben", viewers: 500, community: 1, language: "German" },
    { login: "cleo", viewers: null },
    { login: "dan", viewers: 300, community: 0, game: "Art", language: "English" },
  ],
  links: [
    { ends: ["anna", "ben"], shared: 40, score: -1.5, strength: 51 },
    { ends: ["anna", "dan"], shared: null, score: null },
    { ends: ["ben", "dan"], shared: 90 },
  ],
  communities: [{ id: 7, name: "Chess" }, { id: 3 }],
};

const TYPES: [ColumnType, new (length: number) => Column][] = [
  ["f4", Float32Array],
  ["u1", Uint8Array],
  ["u2", Uint16Array],
  ["u4", Uint32Array],
  ["i2", Int16Array],
];

function typeOf(column: Column): ColumnType {
  const match = TYPES.find(([, type]) => column instanceof type);
  if (!match) throw new Error("unknown type of column");
  return match[0];
}

/** Packs a day: length of the head, head, columns at multiples of 4, all of it gzipped. */
async function packed(head: Head, columns: Record<string, Column>): Promise<Uint8Array<ArrayBuffer>> {
  const aligned = (length: number) => Math.ceil(length / 4) * 4;
  const start = 4096;
  let end = start;
  const placed = Object.entries(columns).map(([name, column]) => {
    const offset = end;
    end += aligned(column.byteLength);
    return { name, column, offset };
  });
  head = {
    ...head,
    columns: placed.map((each) => [each.name, typeOf(each.column), each.offset, each.column.length]),
  };
  const text = new TextEncoder().encode(JSON.stringify(head));
  const bytes = new Uint8Array(end);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 4);
  for (const { column, offset } of placed) {
    bytes.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), offset);
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

describe("a packed day", () => {
  test("has its head and all its columns after reading", async () => {
    const columns = sampleColumns(DAY);
    const atlas = await readAtlas(await packed(sampleHead(DAY), columns));
    expect(atlas.head).toMatchObject({ ...sampleHead(DAY), columns: expect.any(Array) as unknown });
    expect(atlas.nameOf(0)).toBe("Änna");
    const { x, y, radius, viewers, community, game, language, a, b, shared, drawn } = columns;
    expect(atlas).toMatchObject({ x, y, radius, viewers, community, game, language, a, b, shared, drawn });
    expect([atlas.scoreOf(0), atlas.strengthOf(0)]).toEqual([-1.5, 0.2]);
  });

  test("may have wide columns of links, as large atlases do", async () => {
    const columns = { ...sampleColumns(DAY), a: Uint32Array.of(0, 0, 1), b: Uint32Array.of(1, 3, 3) };
    const atlas = await readAtlas(await packed(sampleHead(DAY), columns));
    expect([...atlas.edgesOf(3)]).toEqual([1, 2]);
  });

  test("is refused when it is damaged", async () => {
    const bytes = await packed(sampleHead(DAY), sampleColumns(DAY));
    await expect(readAtlas(bytes.slice(0, bytes.length / 2))).rejects.toThrow();
    await expect(readAtlas(new TextEncoder().encode("<!DOCTYPE html>"))).rejects.toThrow();
  });

  test("is refused without one of its columns, which the error names", () => {
    const columns = Object.entries(sampleColumns(DAY)).filter(([name]) => name !== "strength");
    expect(() => new Atlas(sampleHead(DAY), Object.fromEntries(columns))).toThrow(
      "the day 2026-11-22 has no column strength",
    );
  });

  test("may be empty", () => {
    const atlas = sampleAtlas({ channels: [] });
    expect([atlas.size, atlas.ranked.length, atlas.channelOf("anna")]).toEqual([0, 0, null]);
  });
});

describe("channels", () => {
  const atlas = sampleAtlas(DAY);

  test("have a rank by viewers; equal ones keep their order, unknown ones are last", () => {
    expect([...atlas.ranked].map((channel) => atlas.loginOf(channel))).toEqual(["ben", "anna", "dan", "cleo"]);
    expect([0, 1, 2, 3].map((channel) => atlas.rankOf(channel))).toEqual([2, 1, 4, 3]);
  });

  test("are identified by their login", () => {
    expect(["anna", "cleo", "Anna", "__proto__", ""].map((login) => atlas.channelOf(login))).toEqual([
      0,
      2,
      null,
      null,
      null,
    ]);
  });

  test("show their display name, else their login", () => {
    expect([0, 1].map((channel) => atlas.nameOf(channel))).toEqual(["Änna", "ben"]);
  });

  test("have null for everything that is unknown", () => {
    expect([atlas.viewersOf(2), atlas.communityOf(2), atlas.gameOf(2), atlas.languageOf(2)]).toEqual(
      Array(4).fill(null),
    );
    expect([atlas.viewersOf(3), atlas.communityOf(3), atlas.gameOf(3), atlas.languageOf(3)]).toEqual([
      300,
      0,
      "Art",
      "English",
    ]);
  });

  test("beyond the last one are an error, not a value", () => {
    expect(() => atlas.viewersOf(4)).toThrow(RangeError);
    expect(() => atlas.nameOf(-1)).toThrow(RangeError);
    expect(() => atlas.edgesOf(4)).toThrow(RangeError);
  });
});

test("communities have an id besides their index", () => {
  const atlas = sampleAtlas(DAY);
  expect([atlas.communityWithId(3), atlas.communityWithId(0)]).toEqual([1, null]);
  expect(atlas.communityAt(0).name).toBe("Chess");
});

describe("since the earlier day", () => {
  const atlas = sampleAtlas({
    channels: [
      { login: "risen", viewers: 900, viewersBefore: 400, rankBefore: 3 },
      { login: "fallen", viewers: 500, viewersBefore: 800, rankBefore: 1 },
      { login: "new", viewers: 300, rankBefore: 0 },
      { login: "unknown", viewers: 200 },
      { login: "uncounted", viewers: null, viewersBefore: 10, rankBefore: 4 },
    ],
  });
  const all = [0, 1, 2, 3, 4];

  test("channels gain and lose ranks", () => {
    expect(all.map((channel) => atlas.rise(channel))).toEqual([2, -1, null, null, null]);
  });

  test("channels gain and lose viewers", () => {
    expect(all.map((channel) => atlas.gain(channel))).toEqual([500, -300, null, null, null]);
  });

  test("a channel is new only where the earlier map lacks it", () => {
    expect(all.map((channel) => atlas.isNew(channel))).toEqual([false, false, true, false, false]);
  });
});

describe("links", () => {
  const atlas = sampleAtlas(DAY);

  test("belong to both of their channels", () => {
    expect([0, 1, 2, 3].map((channel) => [...atlas.edgesOf(channel)])).toEqual([[0, 1], [0, 2], [], [1, 2]]);
    expect([atlas.other(0, 0), atlas.other(0, 1)]).toEqual([1, 0]);
  });

  test("have a number of shared viewers: 0 without a link, null where they are unknown", () => {
    expect([atlas.sharedBy(0, 1), atlas.sharedBy(1, 0), atlas.sharedBy(0, 2), atlas.sharedBy(0, 3)]).toEqual([
      40,
      40,
      0,
      null,
    ]);
    expect(atlas.scoreOf(1)).toBeNull();
  });

  test("are ranked by shared viewers, then by strength", () => {
    const hub = sampleAtlas({
      channels: ["hub", "p", "q", "r", "s"].map((login) => ({ login })),
      links: [
        { ends: ["hub", "p"], strength: 10 },
        { ends: ["hub", "q"], strength: 200 },
        { ends: ["hub", "r"], shared: 0 },
        { ends: ["hub", "s"], shared: 5 },
      ],
    });
    expect(hub.rankedEdges(0)).toEqual([3, 2, 1, 0]);
  });

  test("of a dense graph are all listed", () => {
    const logins = Array.from({ length: 12 }, (_, index) => `channel_${index}`);
    const ends = logins.flatMap((login, index) =>
      logins.slice(index + 1).map((other): [string, string] => [login, other]),
    );
    const dense = sampleAtlas({
      channels: logins.map((login) => ({ login })),
      links: ends.map((each) => ({ ends: each })),
    });
    for (const channel of logins.keys()) {
      const others = Array.from(dense.edgesOf(channel), (edge) => dense.other(edge, channel));
      expect(others.sort((p, q) => p - q)).toEqual([...logins.keys()].filter((other) => other !== channel));
    }
  });
});

test("the marks for unknown values are those of day_data.py", () => {
  expect(NONE).toEqual({ u2: 0xffff, u4: 0xffff_ffff, i2: -32768 });
});
