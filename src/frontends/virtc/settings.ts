// The flags that several verbs have, and how the command line shows things: flag, else variable, else configuration file.
import {
  type Color,
  type ConfigLayers,
  type LogLevel,
  type Progress,
  readConfigFiles,
  toCliConfig,
} from '../../config.js';
import { accelerators, colorModes, progressModes, writePlaces } from '../../model/defaults.js';
import type { RuntimeOptions } from '../../model/options.js';
import { toChoice } from './flag-values.js';

export interface CommonFlags {
  /** Of the program itself. */
  readonly config?: string;
  readonly progress?: string;
  readonly color?: string;
  readonly debug?: boolean;
  readonly format?: string;
  readonly hypervisor?: string;
  readonly writes?: string;
  /** Of `--no-template`. */
  readonly template?: boolean;
}

export interface Settings {
  readonly log: LogLevel;
  readonly progress: Progress;
  readonly color: Color;
}

type Environment = ConfigLayers['environment'];

/** All that decides, for `virtc` as it was called. @throws VirtcontainersError naming flag or file */
export async function layersOf(
  flags: CommonFlags,
  environment: Environment,
): Promise<ConfigLayers> {
  const isRoot = process.getuid?.() === 0;
  const fromFlags = flagLayer(flags);
  const files = await readConfigFiles({ named: flags.config, environment, isRoot });
  return { flags: fromFlags, environment, isRoot, files };
}

/** @throws VirtcontainersError naming flag, variable or file */
export async function loadSettings(
  flags: CommonFlags,
  environment: Environment,
): Promise<Settings> {
  const settled = toCliConfig(await layersOf(flags, environment));
  return {
    log: settled['cli.log'].value,
    progress: settled['cli.progress'].value,
    color: settled['cli.color'].value,
  };
}

/** How an error is coloured that may be about the settings themselves: what of them cannot be used is left out. */
export async function colorForErrors(flags: CommonFlags, environment: Environment): Promise<Color> {
  for (const config of [flags.config, '']) {
    try {
      const { color } = flags;
      const asked = config === undefined ? {} : { config };
      const layers = await layersOf(
        { ...asked, ...(color === undefined ? {} : { color }) },
        environment,
      );
      return toCliConfig({ ...layers, environment: { ...environment, VIRTC_LOG: undefined } })[
        'cli.color'
      ].value;
    } catch {
      // Told by the error itself, or of less weight than it.
    }
  }
  return 'auto';
}

/** What `createRuntime` and its like are given. */
export function runtimeOptionsOf(flags: CommonFlags): Pick<RuntimeOptions, 'configFile'> {
  return flags.config === undefined ? {} : { configFile: flags.config };
}

function flagLayer(flags: CommonFlags): NonNullable<ConfigLayers['flags']> {
  const given = {
    'cli.progress': [toChoice('--progress', flags.progress, progressModes), '--progress'],
    'cli.color': [toChoice('--color', flags.color, colorModes), '--color'],
    'cli.log': [flags.debug === true ? 'debug' : undefined, '--debug'],
    accelerator: [toChoice('--hypervisor', flags.hypervisor, accelerators), '--hypervisor'],
    'pod.template': [flags.template, flags.template === true ? '--template' : '--no-template'],
    'container.writes': [toChoice('--writes', flags.writes, writePlaces), '--writes'],
  } as const;
  const entries = Object.entries(given).flatMap(([name, [value, flag]]) =>
    value === undefined ? [] : [[name, { value, source: { kind: 'flag', name: flag } }]],
  );
  return Object.fromEntries(entries);
}
