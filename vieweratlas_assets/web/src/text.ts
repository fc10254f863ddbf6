// Numbers, dates and names as the page shows and compares them.

export function short(number: number | null): string {
  if (number === null) return "?";
  if (number >= 999_500) return `${(number / 1e6).toFixed(1)}M`;
  return number >= 10_000 ? `${Math.round(number / 1e3)}k` : number.toLocaleString("en");
}

/** With a sign: +1,200 or −30. */
export function signed(number: number): string {
  return `${number < 0 ? "−" : "+"}${short(Math.abs(number))}`;
}

/** Formats 2026-11-22 as 22 November 2026, or as 22 Nov 2026. */
export function dayText(date: string, month: "long" | "short" = "long"): string {
  const options = { day: "numeric", month, year: "numeric", timeZone: "UTC" } as const;
  const time = new Date(`${date}T00:00:00Z`);
  return Number.isNaN(time.valueOf()) ? date : new Intl.DateTimeFormat("en-GB", options).format(time);
}

/** Without accents and case, so that a search for e finds é. */
export function folded(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase();
}
