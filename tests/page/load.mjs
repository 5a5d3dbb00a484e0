/**
 * Imports a module of the page as the browser does, with those that it imports. By their text,
 * because Node takes a `.js` file without a package.json for CommonJS in some versions.
 */

import { readFile } from "node:fs/promises";

const urls = new Map();

export async function load(name) {
  return import(await urlOf(name));
}

/** @returns {Promise<string>} always the same for a module, so that there is one of it */
function urlOf(name) {
  if (!urls.has(name)) urls.set(name, makeUrl(name));
  return urls.get(name);
}

async function makeUrl(name) {
  const file = new URL(`../../gateway/page/${name}`, import.meta.url);
  let source = await readFile(file, "utf8");
  for (const [whole, imported] of source.matchAll(/(?<=^(?:import|export) [^;]*?)"\.\/([\w-]+\.js)"/gm)) {
    source = source.replaceAll(whole, JSON.stringify(await urlOf(imported)));
  }
  return `data:text/javascript,${encodeURIComponent(source)}`;
}
