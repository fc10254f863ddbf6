// Moving from day to day: a slider with buttons, and the button that shows what changed.

import type { Days } from "./days";
import { defined } from "./defined";
import { byId, bySelector } from "./dom";
import type { State } from "./state";
import { dayText } from "./text";

const REST_MS = 120;

export class DaySlider {
  private readonly range = byId("day", HTMLInputElement);
  private readonly previous = byId("day-before");
  private readonly next = byId("day-after");
  private readonly changes = byId("changes");
  private readonly dayName = byId("day-name");
  /** The date that was requested last: the shown one, or the one that loads. */
  private requested: string;
  private timer = 0;

  constructor(
    private readonly days: Days,
    private readonly state: State,
  ) {
    this.requested = state.atlas.head.date;
    this.range.addEventListener("input", () => this.onInput());
    this.previous.addEventListener("click", () => this.step(-1));
    this.next.addEventListener("click", () => this.step(1));
    this.changes.addEventListener("click", () => {
      const isHidden = state.selected !== null || state.missing !== null || state.community !== null;
      state.change({ showsChanges: isHidden || !state.showsChanges, selected: null, community: null });
    });
    state.onDay(() => this.showDay());
    state.onChange(() => this.changes.setAttribute("aria-pressed", String(state.showsChanges)));
    this.showDay();
  }

  get newest(): string {
    return this.days.dates.at(-1) ?? this.state.atlas.head.date;
  }

  step(days: number): void {
    const date = this.days.dates[this.days.dates.indexOf(this.requested) + days];
    if (date !== undefined) void this.goTo(date);
  }

  /** Show a day if there is one of this date. Returns false where another day was requested in the meantime. */
  async goTo(date: string): Promise<boolean> {
    clearTimeout(this.timer);
    if (!this.days.dates.includes(date)) return true;
    const isShown = date === this.state.atlas.head.date && date === this.requested;
    this.requested = date;
    this.showRequested();
    if (isShown) return true;
    const atlas = await this.days.load(date).catch(() => null);
    if (this.requested !== date) return false;
    if (atlas) {
      if (atlas !== this.state.atlas) this.state.show(atlas);
      return true;
    }
    this.requested = this.state.atlas.head.date;
    this.showRequested();
    byId("live").textContent = `${dayText(date)} could not be loaded`;
    return true;
  }

  /** Load the day where the slider rests, not those that it passes. */
  private onInput(): void {
    clearTimeout(this.timer);
    const date = defined(this.days.dates[Number(this.range.value)]);
    this.dayName.textContent = dayText(date, "short");
    this.timer = window.setTimeout(() => void this.goTo(date), REST_MS);
  }

  private showDay(): void {
    const { dates } = this.days;
    const { head } = this.state.atlas;
    const isSingle = dates.length < 2;
    byId("days").hidden = isSingle && head.changes === null;
    this.changes.hidden = head.changes === null;
    for (const control of [this.range, this.previous, this.next]) control.hidden = isSingle;
    this.range.max = String(dates.length - 1);
    byId("counts").textContent = `${dayText(head.date)} · ${head.counts}`;
    bySelector("#legend .note").textContent = head.note;
    this.showRequested();
  }

  private showRequested(): void {
    const { dates } = this.days;
    const index = dates.indexOf(this.requested);
    this.range.value = String(index);
    this.range.setAttribute("aria-valuetext", dayText(this.requested));
    // A disabled button would lose the keyboard focus.
    this.previous.ariaDisabled = String(index <= 0);
    this.next.ariaDisabled = String(index >= dates.length - 1);
    byId("days").setAttribute("aria-busy", String(this.requested !== this.state.atlas.head.date));
    this.dayName.textContent = dayText(this.requested, "short");
  }
}
