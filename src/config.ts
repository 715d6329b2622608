// The configuration that holds: an option or flag, else the environment, else a configuration file, else the default.
import path from 'node:path';
import { VirtcontainersError } from './base/errors.js';
import { type ConfigFile, readConfigFiles } from './config-file/config-file.js';
import {
  allKeys,
  cliKeys,
  type Key,
  type KeyName,
  libraryKeys,
  type Place,
  type Value,
} from './config-file/keys.js';
import type { RuntimeOptions } from './model/options.js';
import { checkRuntimeOptions } from './model/parse/runtime-options.js';
import { showValue } from './model/parse/show-value.js';
import { parseDuration } from './model/parse-duration.js';
import { parseSize } from './model/parse-size.js';
import type { RuntimeConfig } from './model/runtime-config.js';

export { readConfigFiles } from './config-file/config-file.js';
export {
  allKeys,
  type Color,
  type KeyName,
  type LogLevel,
  type Progress,
} from './config-file/keys.js';
export type { RuntimeConfig } from './model/runtime-config.js';

/** Where a value comes from. */
export type Source =
  | { readonly kind: 'option' | 'flag' | 'variable'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'default' };

export interface Settled<T = Value | null> {
  readonly value: T;
  readonly source: Source;
}

type Keys = Readonly<Record<string, Key>>;
type ValueOf<K extends Key> = ReturnType<K['otherwise']>;
/** Each key with its value. */
export type SettledKeys<K extends Keys> = { readonly [Name in keyof K]: Settled<ValueOf<K[Name]>> };

/** What decides, the strongest first; then come the defaults. */
export interface ConfigLayers extends Place {
  /** Options of the library. */
  readonly options?: RuntimeOptions;
  /** Flags of the command line that were given, by the key that they set. */
  readonly flags?: Readonly<Partial<Record<KeyName, Settled<Value>>>>;
  /** The one that wins first. */
  readonly files?: readonly ConfigFile[];
}

type PathOption = 'runRoot' | 'libRoot' | 'guestImage' | 'configFile';
const pathOptions: readonly PathOption[] = ['runRoot', 'libRoot', 'guestImage', 'configFile'];
const pathVariables = ['VIRTC_RUN_ROOT', 'VIRTC_LIB_ROOT', 'VIRTC_GUEST_IMAGE', 'VIRTC_CONFIG'];

/**
 * A copy of options and environment in which no path depends on the current directory: whoever reads it later, when that
 * may be another, gets what was meant.
 */
export function withAbsolutePaths(
  layers: Required<Pick<ConfigLayers, 'options' | 'environment'>>,
): Required<Pick<ConfigLayers, 'options' | 'environment'>> {
  return {
    options: { ...layers.options, ...absolute(layers.options, pathOptions) },
    environment: { ...layers.environment, ...absolute(layers.environment, pathVariables) },
  };
}

/** Those that are there; what is empty has a meaning of its own. */
function absolute<Name extends string>(
  texts: Readonly<Partial<Record<Name, string | undefined>>>,
  names: readonly Name[],
): Readonly<Record<string, string>> {
  const entries = names.flatMap((name) => {
    const text = texts[name];
    return text ? [[name, path.resolve(text)]] : [];
  });
  return Object.fromEntries(entries);
}

/**
 * The configuration of a runtime: reads the configuration files.
 * @throws VirtcontainersError naming the option, the variable, or the file and the place in it
 */
export async function loadRuntimeConfig(
  options: RuntimeOptions,
  environment: Place['environment'],
  isRoot: boolean,
): Promise<RuntimeConfig> {
  checkRuntimeOptions(options);
  const files = await readConfigFiles({ named: options.configFile, environment, isRoot });
  return toRuntimeConfig({ options, environment, isRoot, files });
}

/**
 * Settles what a runtime needs; an environment variable that is empty counts as absent.
 * @throws VirtcontainersError `invalid-argument` naming the option or variable
 */
export function toRuntimeConfig(layers: ConfigLayers): RuntimeConfig {
  checkRuntimeOptions(layers.options ?? {});
  const settled = settle(libraryKeys, layers);
  const { run_root: runRoot, lib_root: libRoot, guest_image: guestImage } = settled;
  return {
    runRoot: path.resolve(runRoot.value),
    libRoot: path.resolve(libRoot.value),
    guestImage: guestImage.value === null ? null : path.resolve(guestImage.value),
    accelerator: settled.accelerator.value,
    defaults: {
      cpus: settled['pod.cpus'].value,
      memoryMiB: toMiB(settled['pod.memory'].value),
      template: settled['pod.template'].value,
      pidsLimit: settled['container.pids_limit'].value,
      stopGraceMs: toMs(settled['container.stop_grace'].value),
      writes: settled['container.writes'].value,
    },
  };
}

/** How the command line shows things. @throws VirtcontainersError `invalid-argument` naming the variable */
export function toCliConfig(layers: ConfigLayers): SettledKeys<typeof cliKeys> {
  return settle(cliKeys, layers);
}

/** Every key's value and where it comes from, in the order of the documentation. */
export function settleAll(layers: ConfigLayers): Readonly<Record<KeyName, Settled>> {
  return { ...settle(libraryKeys, layers), ...settle(cliKeys, layers) };
}

function settle<K extends Keys>(keys: K, layers: ConfigLayers): SettledKeys<K> {
  const entries = Object.entries(keys).map(([name, key]) => [name, settleKey(name, key, layers)]);
  // What each key accepts is what its default is of.
  return Object.fromEntries(entries) as SettledKeys<K>;
}

function settleKey(name: string, key: Key, layers: ConfigLayers): Settled {
  const { options = {}, flags = {}, files = [] } = layers;
  const option = key.option === undefined ? undefined : options[key.option];
  if (option !== undefined)
    return { value: option, source: { kind: 'option', name: key.option ?? '' } };
  const flag = flags[name as KeyName];
  if (flag !== undefined) return flag;
  const variable = key === allKeys['cli.color'] ? colorOf(layers) : variableOf(key, layers);
  if (variable !== undefined) return variable;
  for (const { path: file, values } of files) {
    const value = values[name as KeyName];
    if (value !== undefined) return { value, source: { kind: 'file', path: file } };
  }
  return { value: key.otherwise(layers), source: { kind: 'default' } };
}

function variableOf(key: Key, { environment }: ConfigLayers): Settled | undefined {
  const name = key.variable;
  const text = name === undefined ? undefined : environment[name];
  if (name === undefined || !text) return undefined;
  const value = meaningOf(key, text);
  if (value !== undefined && key.accept(value))
    return { value, source: { kind: 'variable', name } };
  throw new VirtcontainersError(
    'invalid-argument',
    `cannot use ${name}=${showValue(text)}: it ${key.rule}`,
    { details: { variable: name } },
  );
}

/** What a variable's text means; undefined if nothing. */
function meaningOf({ words, texts }: Key, text: string): Value | undefined {
  if (words !== undefined) return text;
  if (texts !== undefined)
    return Object.hasOwn(texts, text) ? (texts[text] ?? undefined) : undefined;
  // A path may be relative here: whoever sets the variable knows where.
  return path.resolve(text);
}

/** The two variables that all programs share; FORCE_COLOR wins, as with Node. */
function colorOf({ environment }: ConfigLayers): Settled | undefined {
  const { FORCE_COLOR: force, NO_COLOR: no } = environment;
  if (force) {
    const value = force === '0' || force === 'false' ? 'never' : 'always';
    return { value, source: { kind: 'variable', name: 'FORCE_COLOR' } };
  }
  return no ? { value: 'never', source: { kind: 'variable', name: 'NO_COLOR' } } : undefined;
}

function toMiB(text: string): number {
  return Math.ceil((parseSize(text, 1) ?? Number.NaN) / 1024 ** 2);
}

function toMs(text: string): number {
  return parseDuration(text) ?? Number.NaN;
}
