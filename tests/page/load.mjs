/**
 * Imports a module of the page as the browser does. By its text, because Node takes a `.js` file
 * without a package.json for CommonJS in some versions.
 */

import { readFile } from "node:fs/promises";

export async function load(name) {
  const file = new URL(`../../gateway/page/${name}`, import.meta.url);
  const source = await readFile(file, "utf8");
  return import(`data:text/javascript,${encodeURIComponent(source)}`);
}
