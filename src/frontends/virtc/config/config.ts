// `virtc config`: the configuration that holds as text, and a file with every default.

import type { ConfigLayers } from '../../../config.js';
import { allKeys, type KeyName, type Settled, type Source, settleAll } from '../../../config.js';
import { isJson } from '../flag-values.js';
import { type CommonFlags, layersOf } from '../settings.js';
import { toToml, toTomlValue } from './to-toml.js';

export interface ConfigFlags extends CommonFlags {
  readonly defaults?: boolean;
}

/** What the verb prints. @throws VirtcontainersError naming flag, variable or file */
export async function config(
  flags: ConfigFlags,
  environment: ConfigLayers['environment'],
): Promise<string> {
  const json = isJson(flags.format);
  if (flags.defaults === true) {
    const isRoot = process.getuid?.() === 0;
    const settled = settleAll({ isRoot, environment: placesOnly(environment) });
    return json ? toJson([], settled) : defaultsText(settled);
  }
  const layers = await layersOf(flags, environment);
  const settled = settleAll(layers);
  const files = (layers.files ?? []).map(({ path }) => path);
  return json ? toJson(files, settled) : settledText(files, settled);
}

type SettledAll = Readonly<Record<KeyName, Settled>>;

/** Of the environment only what defaults are made of. */
function placesOnly(environment: ConfigLayers['environment']): ConfigLayers['environment'] {
  const { HOME, XDG_RUNTIME_DIR, XDG_DATA_HOME } = environment;
  return { HOME, XDG_RUNTIME_DIR, XDG_DATA_HOME };
}

function toJson(files: readonly string[], settled: SettledAll): string {
  return `${JSON.stringify({ files, values: settled }, null, 2)}\n`;
}

function settledText(files: readonly string[], settled: SettledAll): string {
  const read = files.length === 0 ? 'none' : files.join(', ');
  return toToml(`# Configuration files: ${printed(read)}`, (name) => {
    const { value, source } = settled[name];
    const from = printed(sourceText(source));
    if (value === null) return [`# ${leafOf(name)} is not set (${from})`];
    return [`${leafOf(name)} = ${toTomlValue(value)} # ${from}`];
  });
}

function defaultsText(settled: SettledAll): string {
  const head = [
    '# The configuration of virtcontainers, with every default. What is wrong in it is refused.',
    '# Flags and options win over environment variables, those over this file.',
  ];
  return toToml(head.join('\n'), (name) => {
    const { about, example, words, variable, flag } = allKeys[name];
    const value = settled[name].value ?? example ?? '';
    const lines = [about];
    if (words !== undefined) lines.push(`One of ${words.join(', ')}.`);
    if (variable !== undefined) lines.push(`Environment: ${variable}.`);
    if (flag !== undefined) lines.push(`Flag: ${flag}.`);
    return ['', ...lines.map((line) => `# ${line}`), `# ${leafOf(name)} = ${toTomlValue(value)}`];
  });
}

function sourceText(source: Source): string {
  if (source.kind === 'default') return 'default';
  return source.kind === 'file' ? source.path : source.name;
}

function leafOf(name: string): string {
  return name.slice(name.indexOf('.') + 1);
}

/** A comment ends at its line: a path with a line end in it must not go on as something else. */
function printed(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
