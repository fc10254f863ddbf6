// Dark or light: the system's preference until the user chooses.

import type { Colors } from "./data";

const KEY = "vieweratlas-theme";

export class Theme {
  isDark: boolean;
  paper = "";
  ink = "";
  gray = "";
  font = "";
  private readonly listeners: (() => void)[] = [];

  constructor() {
    const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    this.isDark = (storedTheme() ?? preferred) === "dark";
    this.apply();
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  toggle(): void {
    this.isDark = !this.isDark;
    storeTheme(this.isDark ? "dark" : "light");
    this.apply();
    for (const listener of this.listeners) listener();
  }

  /** A community's color; gray without a community. */
  color(colors: Colors | undefined): string {
    return colors ? colors[this.isDark ? 0 : 1] : this.gray;
  }

  private apply(): void {
    document.documentElement.dataset.theme = this.isDark ? "dark" : "light";
    const style = getComputedStyle(document.documentElement);
    const value = (name: string) => style.getPropertyValue(name).trim();
    this.paper = value("--paper");
    this.ink = value("--ink");
    this.gray = value("--gray");
    this.font = value("--font");
  }
}

// Pages that open from disk may have no storage; the choice then lasts as long as the page.
function storedTheme(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function storeTheme(theme: string): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    return;
  }
}

/** Mix a share of a color into the paper's color. */
export function mixed(color: string, paper: string, share: number): string {
  const part = (hex: string, start: number) => parseInt(hex.slice(start, start + 2), 16);
  const parts = [1, 3, 5].map((start) => Math.round(part(color, start) * share + part(paper, start) * (1 - share)));
  return `#${parts.map((each) => each.toString(16).padStart(2, "0")).join("")}`;
}

export function translucent(color: string, opacity: number): string {
  const alpha = Math.round(opacity * 255);
  return color + alpha.toString(16).padStart(2, "0");
}
