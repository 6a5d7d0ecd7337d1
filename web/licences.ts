// The licences of every package whose code is in the built script, in one text beside it.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

export function licences(): Plugin {
  return {
    name: "licences",
    generateBundle(_options, bundle) {
      const names = new Set<string>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk") continue;
        for (const id of Object.keys(chunk.modules)) {
          const found = id.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/);
          if (found) names.add(found[1]);
        }
      }
      const parts = [...names].sort().map((name) => {
        const folder = join("node_modules", name);
        const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
        const files = readdirSync(folder, { withFileTypes: true })
          .filter((f) => f.isFile() && /^(licen[cs]e|notice)/i.test(f.name))
          .map((f) => f.name)
          .sort();
        if (!files.length) throw new Error(`${name} comes without its licence`);
        const texts = files.map((f) => readFileSync(join(folder, f), "utf8").trim());
        return `${"=".repeat(80)}\n${name} ${about.version} (${about.license})\n\n${texts.join("\n\n")}\n`;
      });
      const head = "report.js holds code of these packages.\n\n";
      this.emitFile({ type: "asset", fileName: "THIRD_PARTY.txt", source: head + parts.join("\n") });
    },
  };
}
