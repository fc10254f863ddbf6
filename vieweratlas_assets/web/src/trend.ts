// A figure over the days, as a small line chart.

import { element } from "./dom";
import { dayText, short } from "./text";

const SVG = "http://www.w3.org/2000/svg";
const SIZE = { width: 96, height: 28, margin: 3 };

type Values = (number | null)[];

/** A line over the days with a gap where the value is unknown, a mark at the shown day, and both ends as text. */
export function trendLine(name: string, days: string[], values: Values, shown: string): HTMLElement {
  const known = values.filter((value) => value !== null);
  const [first, last] = [known.at(0), known.at(-1)];
  const figures = first === undefined || last === undefined ? "unknown" : `${short(first)} → ${short(last)}`;
  const perDay = days.map((day, index) => `${dayText(day)} ${short(values[index] ?? null)}`);
  const row = element("div", { className: "trend" }, element("span", { className: "name", textContent: name }));
  row.append(chart(values, days.indexOf(shown)), element("span", { className: "figures", textContent: figures }));
  row.setAttribute("role", "img");
  row.ariaLabel = row.title = `${name}: ${perDay.join(", ")}`;
  return row;
}

function chart(values: Values, marked: number): SVGElement {
  const { width, height, margin } = SIZE;
  const most = Math.max(1, ...values.map((value) => value ?? 0));
  const x = (index: number) => margin + (index * (width - 2 * margin)) / Math.max(1, values.length - 1);
  const y = (value: number) => height - margin - (value * (height - 2 * margin)) / most;
  const isUnknown = (index: number) => (values[index] ?? null) === null;
  const svg = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, width: String(width), height: String(height) });
  const circles: SVGElement[] = [];
  let path = "";
  for (const [index, value] of values.entries()) {
    if (value === null) continue;
    const [cx, cy] = [x(index).toFixed(1), y(value).toFixed(1)];
    path += `${isUnknown(index - 1) ? "M" : "L"}${cx} ${cy}`;
    // A single day is a point, not a line.
    const isSingle = isUnknown(index - 1) && isUnknown(index + 1);
    if (isSingle || index === marked) {
      circles.push(svgElement("circle", { cx, cy, r: index === marked ? "3" : "1.5" }));
    }
  }
  svg.append(svgElement("path", { d: path }), ...circles);
  return svg;
}

function svgElement(name: string, attributes: Record<string, string>): SVGElement {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
