// Going from day to day: a slider with its buttons, and whether what changed is shown.

import type { Days } from "./days";
import type { State } from "./state";
import { byId, dayText } from "./text";

export class DaySlider {
  private readonly range = byId<HTMLInputElement>("day");
  private readonly back = byId<HTMLButtonElement>("day-before");
  private readonly on = byId<HTMLButtonElement>("day-after");
  private asked = "";

  constructor(
    private readonly days: Days,
    private readonly state: State,
  ) {
    this.range.addEventListener("input", () => void this.goTo(this.days.dates[Number(this.range.value)]));
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

  /** Show a day; one that is not there is passed over. */
  async goTo(date: string): Promise<void> {
    if (date === this.asked || !this.days.dates.includes(date)) return;
    this.asked = date;
    this.tell();
    const atlas = await this.days.load(date).catch(() => null);
    // Another day may have been asked for since.
    if (this.asked !== date) return;
    if (atlas) return this.state.show(atlas);
    this.asked = this.state.atlas.head.date;
    this.tell();
    byId("live").textContent = `${dayText(date)} could not be loaded`;
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
    this.back.disabled = place <= 0;
    this.on.disabled = place >= dates.length - 1;
    byId("days").setAttribute("aria-busy", String(this.asked !== this.state.atlas.head.date));
    byId("day-name").textContent = dayText(this.asked, "short");
  }
}
