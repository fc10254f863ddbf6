// Dark and light: what the reader's system wants, or what they chose.

const KEY = "vieweratlas-theme";

export class Theme {
  isDark: boolean;
  paper = "";
  ink = "";
  dim = "";
  grey = "";
  font = "";
  private readonly listeners: (() => void)[] = [];

  constructor() {
    this.isDark = (chosen() ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    this.read();
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  toggle(): void {
    this.isDark = !this.isDark;
    choose(this.isDark ? "dark" : "light");
    this.read();
    for (const listener of this.listeners) listener();
  }

  colour(colours: [string, string] | undefined): string {
    return colours ? colours[this.isDark ? 0 : 1] : this.grey;
  }

  private read(): void {
    document.documentElement.dataset.theme = this.isDark ? "dark" : "light";
    const style = getComputedStyle(document.documentElement);
    const value = (name: string) => style.getPropertyValue(name).trim();
    this.paper = value("--paper");
    this.ink = value("--ink");
    this.dim = value("--dim");
    this.grey = value("--gray");
    this.font = value("--font");
  }
}

// Pages from disk may have no storage.
function chosen(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function choose(theme: string): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    return;
  }
}

export function mixed(colour: string, paper: string, share: number): string {
  const part = (hex: string, at: number) => parseInt(hex.slice(at, at + 2), 16);
  const parts = [1, 3, 5].map((at) => Math.round(part(colour, at) * share + part(paper, at) * (1 - share)));
  return `#${parts.map((each) => each.toString(16).padStart(2, "0")).join("")}`;
}

export function translucent(colour: string, opacity: number): string {
  return colour + Math.round(opacity * 255).toString(16).padStart(2, "0");
}
