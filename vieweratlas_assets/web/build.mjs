// Bundles src/main.ts into explorer.js, with the licenses of its libraries: `npm ci --ignore-scripts && npm run build`.
import { build } from "esbuild";

await build({
  entryPoints: ["src/main.ts"],
  outfile: "explorer.js",
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  banner: {
    js:
      "/* ViewerAtlas explorer. Holds sigma.js (MIT, Copyright (C) 2013-2025 Alexis Jacomy, Guillaume Plique and others, " +
      "https://www.sigmajs.org) and graphology (MIT, Copyright (C) 2016-2025 Guillaume Plique, https://graphology.github.io). */",
  },
});
