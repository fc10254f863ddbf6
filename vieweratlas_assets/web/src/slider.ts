// Going from day to day: a slider with its buttons, and whether what changed is shown.

import type { Days } from "./days";
import type { State } from "./state";
import { byId, dayText } from "./text";

const RESTS_AFTER_MS = 120;

export class DaySlider {
  private readonly range = byId<HTMLInputElement>("day");
  private readonly back = byId<HTMLButtonElement>("day-before");
  private readonly on = byId<HTMLButtonElement>("day-after");
  private asked = "";
  private timer = 0;

  constructor(
    private readonly days: Days,
    private readonly state: State,
  ) {
    this.range.addEventListener("input", () => {
      // Days that are only passed over are not loaded.
      clearTimeout(this.timer);
      const date = this.days.dates[Number(this.range.value)];
      byId("day-name").textContent = dayText(date, "short");
      this.timer = window.setTimeout(() => void this.goTo(date), RESTS_AFTER_MS);
    });
    this.back.addEventListener("click", () => this.step(-1));
    this.on.addEventListener("click", () => this.step(1));
    byId("changes").addEventListener("click", () => {
      const isHidden = state.selected !== null || state.missing !== null || state.community !== null;
      state.change({ showsChanges: isHidden || !state.showsChanges, selected: null, community: null });
    });
    this.asked = state.atlas.head.date;
    state.onDay(() => this.show());
    state.onChange(() => byId("changes").setAttribute("aria-pressed", String(state.showsChanges)));
    this.show();
  }

  get newest(): string {
    return this.days.dates.at(-1) ?? this.state.atlas.head.date;
  }

  step(days: number): void {
    const date = this.days.dates[this.days.dates.indexOf(this.asked) + days];
    if (date !== undefined) void this.goTo(date);
  }

  /** Show a day; one that is not there is passed over. Tells whether no other was asked for meanwhile. */
  async goTo(date: string): Promise<boolean> {
    clearTimeout(this.timer);
    if (!this.days.dates.includes(date)) return true;
    if (date === this.state.atlas.head.date && date === this.asked) {
      this.tell();
      return true;
    }
    this.asked = date;
    this.tell();
    const atlas = await this.days.load(date).catch(() => null);
    // Another day may have been asked for since.
    if (this.asked !== date) return false;
    if (atlas) {
      if (atlas !== this.state.atlas) this.state.show(atlas);
      return true;
    }
    this.asked = this.state.atlas.head.date;
    this.tell();
    byId("live").textContent = `${dayText(date)} could not be loaded`;
    return true;
  }

  private show(): void {
    const { dates } = this.days;
    const { head } = this.state.atlas;
    byId("days").hidden = dates.length < 2 && head.changes === null;
    byId("changes").hidden = head.changes === null;
    for (const each of [this.range, this.back, this.on]) each.hidden = dates.length < 2;
    this.range.max = String(dates.length - 1);
    byId("counts").textContent = `${dayText(head.date)} · ${head.counts}`;
    document.querySelector("#legend .note")!.textContent = head.note;
    this.tell();
  }

  private tell(): void {
    const { dates } = this.days;
    const place = dates.indexOf(this.asked);
    this.range.value = String(place);
    this.range.setAttribute("aria-valuetext", dayText(this.asked));
    // Not disabled: whoever stands on one would be put out.
    this.back.ariaDisabled = String(place <= 0);
    this.on.ariaDisabled = String(place >= dates.length - 1);
    byId("days").setAttribute("aria-busy", String(this.asked !== this.state.atlas.head.date));
    byId("day-name").textContent = dayText(this.asked, "short");
  }
}
