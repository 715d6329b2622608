// Lays a configuration out as a TOML document: top level first, then a table for each group.
import { allKeys, type KeyName } from '../../../config.js';

/** @param linesOf what stands there for a key, without its table */
export function toToml(head: string, linesOf: (name: KeyName) => readonly string[]): string {
  const lines = [head];
  let table = '';
  for (const name of Object.keys(allKeys) as KeyName[]) {
    const own = name.includes('.') ? name.slice(0, name.indexOf('.')) : '';
    if (own !== table) lines.push('', `[${own}]`);
    table = own;
    lines.push(...linesOf(name));
  }
  return `${lines.join('\n')}\n`;
}

/** Text, number or boolean; JSON's escapes are TOML's, but for the one that JSON leaves out. */
export function toTomlValue(value: string | number | boolean): string {
  return JSON.stringify(value).replaceAll('\u007f', '\\u007f');
}
