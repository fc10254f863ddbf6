// Starts the explorer on the newest day that loads.

import { findDays } from "./days";
import { byId, element } from "./dom";
import { Explorer } from "./explorer";
import { State } from "./state";

async function main(): Promise<void> {
  const days = await findDays();
  // The newest day may be missing while it is rebuilt.
  for (const date of days.dates.toReversed()) {
    const atlas = await days.load(date).catch(() => null);
    if (!atlas) continue;
    const explorer = new Explorer(days, new State(atlas));
    // Tests wait for the mark and read the explorer.
    Object.assign(window, { atlasExplorer: explorer });
    await explorer.start();
    requestAnimationFrame(() => requestAnimationFrame(() => (document.documentElement.dataset.ready = "true")));
    return;
  }
  throw new Error("no day could be loaded");
}

main().catch((error: unknown) => {
  const textContent = "The atlas could not be loaded. Is its server running?";
  byId("map").replaceChildren(element("p", { className: "card", textContent }));
  console.error(error);
});
