// What somebody looks at, and telling whoever shows it.

import type { Atlas } from "./data";

export class State {
  selected: number | null = null;
  hovered: number | null = null;
  community: number | null = null;
  game: number | null = null;
  language: number | null = null;
  /** The channel in focus and all its neighbours. */
  lit: Set<number> | null = null;
  private readonly listeners: (() => void)[] = [];

  constructor(private readonly atlas: Atlas) {}

  get focus(): number | null {
    return this.selected ?? this.hovered;
  }

  /** Whether a channel passes the filters. */
  shows(channel: number): boolean {
    const { atlas } = this;
    return (
      (this.community === null || atlas.communityOf(channel) === this.community) &&
      (this.game === null || atlas.game[channel] === this.game) &&
      (this.language === null || atlas.language[channel] === this.language)
    );
  }

  get isFiltered(): boolean {
    return this.community !== null || this.game !== null || this.language !== null;
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  change(values: Partial<Pick<State, "selected" | "hovered" | "community" | "game" | "language">>): void {
    Object.assign(this, values);
    const { focus, atlas } = this;
    this.lit = focus === null ? null : new Set([focus, ...[...atlas.edgesOf(focus)].map((e) => atlas.other(e, focus))]);
    for (const listener of this.listeners) listener();
  }
}
