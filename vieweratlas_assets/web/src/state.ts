// What the user looks at; listeners redraw the page when it changes.

import type { Atlas } from "./data";
import { defined } from "./defined";

export type Choice = Pick<
  State,
  "selected" | "missing" | "hovered" | "community" | "game" | "language" | "showsChanges"
>;

export class State {
  selected: number | null = null;
  hovered: number | null = null;
  community: number | null = null;
  game: number | null = null;
  language: number | null = null;
  showsChanges = false;
  /** Login of the selected channel where it is not on this day's map. */
  missing: string | null = null;
  /** The focused channel and all its neighbors. */
  lit: Set<number> | null = null;
  private readonly listeners: (() => void)[] = [];
  private readonly dayListeners: (() => void)[] = [];

  constructor(private day: Atlas) {}

  /** The day that the page shows. */
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

  /** Call a listener when another day is shown, before the listeners of changes. */
  onDay(listener: () => void): void {
    this.dayListeners.push(listener);
  }

  change(values: Partial<Choice>): void {
    Object.assign(this, "selected" in values ? { missing: null, ...values } : values);
    this.notify();
  }

  /** Show another day and keep what the user looks at, as far as that day has it. */
  show(day: Atlas): void {
    const { atlas } = this;
    const login = this.selected === null ? this.missing : atlas.loginOf(this.selected);
    const selected = login === null ? null : day.channelOf(login);
    const id = this.community === null ? null : atlas.communityAt(this.community).id;
    this.day = day;
    this.selected = selected;
    this.missing = selected === null ? login : null;
    this.hovered = null;
    this.community = id === null ? null : day.communityWithId(id);
    this.game = indexInOther(this.game, atlas.head.games, day.head.games);
    this.language = indexInOther(this.language, atlas.head.languages, day.head.languages);
    for (const listener of this.dayListeners) listener();
    this.notify();
  }

  private notify(): void {
    this.lit = this.focus === null ? null : neighborhood(this.atlas, this.focus);
    for (const listener of this.listeners) listener();
  }
}

function neighborhood(atlas: Atlas, channel: number): Set<number> {
  const neighbors = Array.from(atlas.edgesOf(channel), (edge) => atlas.other(edge, channel));
  return new Set([channel, ...neighbors]);
}

/** Where another list has the value at an index of this list. */
function indexInOther(index: number | null, list: string[], other: string[]): number | null {
  const there = index === null ? -1 : other.indexOf(defined(list[index]));
  return there < 0 ? null : there;
}
