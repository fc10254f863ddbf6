// What somebody looks at, and telling whoever shows it.

import type { Atlas } from "./data";

type Choice = Pick<State, "selected" | "missing" | "hovered" | "community" | "game" | "language" | "showsChanges">;

export class State {
  selected: number | null = null;
  hovered: number | null = null;
  community: number | null = null;
  game: number | null = null;
  language: number | null = null;
  showsChanges = false;
  /** Login of a channel that was chosen and is not on this day's map. */
  missing: string | null = null;
  /** The channel in focus and all its neighbours. */
  lit: Set<number> | null = null;
  private readonly listeners: (() => void)[] = [];
  private readonly dayListeners: (() => void)[] = [];

  constructor(private day: Atlas) {}

  /** The day that is shown. */
  get atlas(): Atlas {
    return this.day;
  }

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

  /** Whoever draws a day builds it anew then; changes are told after that. */
  onDay(listener: () => void): void {
    this.dayListeners.push(listener);
  }

  change(values: Partial<Choice>): void {
    Object.assign(this, "selected" in values ? { missing: null, ...values } : values);
    this.tell();
  }

  /** Show another day, and on it what was looked at. */
  show(day: Atlas): void {
    const { atlas } = this;
    const login = this.selected === null ? this.missing : atlas.head.channels[this.selected];
    const selected = login === null ? null : day.channelOf(login);
    const id = this.community === null ? null : atlas.head.communities[this.community].id;
    this.day = day;
    this.selected = selected;
    this.missing = selected === null ? login : null;
    this.hovered = null;
    this.community = id === null ? null : day.communityWithId(id);
    this.game = kept(this.game, atlas.head.games, day.head.games);
    this.language = kept(this.language, atlas.head.languages, day.head.languages);
    for (const listener of this.dayListeners) listener();
    this.tell();
  }

  private tell(): void {
    const { focus, atlas } = this;
    this.lit = focus === null ? null : new Set([focus, ...[...atlas.edgesOf(focus)].map((e) => atlas.other(e, focus))]);
    for (const listener of this.listeners) listener();
  }
}

function kept(place: number | null, before: string[], now: string[]): number | null {
  const at = place === null ? -1 : now.indexOf(before[place]);
  return at < 0 ? null : at;
}
