// How something went over the days, as a small line.

import { dayText, element, short } from "./text";

const SVG = "http://www.w3.org/2000/svg";
const SIZE = { width: 96, height: 28, margin: 3 };

/** A line over the days, broken where nothing is known, with a mark at the day that is shown; its ends are told. */
export function trendLine(name: string, days: string[], values: (number | null)[], shown: string): HTMLElement {
  const known = values.filter((value) => value !== null);
  const told = `${name}: ${days.map((day, at) => `${dayText(day)} ${short(values[at])}`).join(", ")}`;
  const figures = known.length ? `${short(known[0])} → ${short(known.at(-1)!)}` : "not known";
  const row = element("div", { className: "trend" }, element("span", { className: "name", textContent: name }));
  row.append(drawn(values, days.indexOf(shown)), element("span", { className: "figures", textContent: figures }));
  row.setAttribute("role", "img");
  row.ariaLabel = told;
  row.title = told;
  return row;
}

function drawn(values: (number | null)[], marked: number): SVGElement {
  const { width, height, margin } = SIZE;
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const x = (at: number) => margin + (at * (width - 2 * margin)) / Math.max(1, values.length - 1);
  const y = (value: number) => height - margin - (value * (height - 2 * margin)) / most;
  let path = "";
  values.forEach((value, at) => {
    if (value !== null) path += `${(values[at - 1] ?? null) === null ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  const svg = made("svg", { viewBox: `0 0 ${width} ${height}`, width: String(width), height: String(height) });
  svg.append(made("path", { d: path }));
  // A single day is a point, not a line.
  values.forEach((value, at) => {
    const isAlone = value !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;
    if (value !== null && (isAlone || at === marked)) {
      svg.append(made("circle", { cx: x(at).toFixed(1), cy: y(value).toFixed(1), r: at === marked ? "3" : "1.5" }));
    }
  });
  return svg;
}

function made(name: string, attributes: Record<string, string>): SVGElement {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
