// Every key of the configuration: what it means, its rule, and where else than in a file its value can come from.
import path from 'node:path';
import {
  accelerators,
  colorModes,
  defaultAccelerator,
  defaults,
  logLevels,
  progressModes,
  shownByDefault,
  writePlaces,
} from '../model/defaults.js';
import { guestOverheadMiB, maxPidsLimit, maxVmCpus, maxVmMemoryMiB } from '../model/limits.js';
import { vmMemoryRule } from '../model/parse/pod-options.js';
import { parseDuration } from '../model/parse-duration.js';
import { parseSize } from '../model/parse-size.js';
import { defaultRoot } from './places.js';

/** Who asks: defaults of paths depend on it. */
export interface Place {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly isRoot: boolean;
}

export type Value = string | number | boolean;

export interface Key<T extends Value | null = Value | null> {
  /** One sentence, for people who read a file or the documentation. */
  readonly about: string;
  /** The end of `key …`, for a value that is refused. */
  readonly rule: string;
  /** What it is in a file. */
  readonly accept: (value: unknown) => value is T & Value;
  /** What holds where nobody says; null is what `about` says of it. */
  readonly otherwise: (place: Place) => T;
  /** For documentation, where there is no default to show. */
  readonly example?: T & Value;
  /** The words it can be, where it is one of a few. */
  readonly words?: readonly string[];
  readonly variable?: string;
  /** What texts of the variable mean, where it is neither one of `words` nor a path. */
  readonly texts?: Readonly<Record<string, T & Value>>;
  /** The option of `createRuntime`. */
  readonly option?: 'runRoot' | 'libRoot' | 'guestImage' | 'accelerator' | 'template';
  /** The flag of `virtc`. */
  readonly flag?: string;
}

const MiB = 1024 * 1024;

/** Paths in a file are absolute: what they mean must not depend on where a program is started. */
function isAbsolute(value: unknown): value is string {
  return typeof value === 'string' && path.isAbsolute(value) && !value.includes('\0');
}
const absolute = { rule: 'must be an absolute path', accept: isAbsolute };

function oneOf<const T extends string>(words: readonly T[]) {
  const quoted = words.map((word) => JSON.stringify(word));
  return {
    rule: `must be ${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`,
    words,
    accept: (value: unknown): value is T => words.some((word) => word === value),
  };
}

function integer(least: number, most: number) {
  return {
    rule: `must be a whole number from ${least} to ${most}`,
    accept: (value: unknown): value is number =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most,
  };
}

const yesOrNo = {
  rule: 'must be true or false',
  accept: (value: unknown): value is boolean => typeof value === 'boolean',
  texts: { true: true, false: false, 1: true, 0: false },
};

/** With its unit as text: a bare number would leave it to guesses. */
function isVmMemory(value: unknown): value is string {
  const bytes = typeof value === 'string' ? parseSize(value, 1) : undefined;
  return bytes !== undefined && bytes >= guestOverheadMiB * MiB && bytes <= maxVmMemoryMiB * MiB;
}

function isDuration(value: unknown): value is string {
  return typeof value === 'string' && parseDuration(value) !== undefined;
}

const root = (kind: 'run' | 'lib') => ({
  ...absolute,
  otherwise: ({ environment, isRoot }: Place): string => defaultRoot(kind, environment, isRoot),
});

/** What the library uses, the command line with it. */
export const libraryKeys = {
  run_root: {
    ...root('run'),
    about: 'Directory of live state.',
    variable: 'VIRTC_RUN_ROOT',
    option: 'runRoot',
  },
  lib_root: {
    ...root('lib'),
    about: 'Directory of what lasts: guest images, templates and logs.',
    variable: 'VIRTC_LIB_ROOT',
    option: 'libRoot',
  },
  guest_image: {
    ...absolute,
    about: 'Directory of the guest image to use; without it, the current one below lib_root.',
    otherwise: (): string | null => null,
    example: '/var/lib/virtcontainers/guest/0123456789abcdef',
    variable: 'VIRTC_GUEST_IMAGE',
    option: 'guestImage',
  },
  accelerator: {
    ...oneOf(accelerators),
    about: 'What executes VMs: "auto" is KVM where it is proved to work, else emulation (TCG).',
    otherwise: (): 'auto' | 'kvm' | 'tcg' => defaultAccelerator,
    variable: 'VIRTC_ACCELERATOR',
    option: 'accelerator',
    flag: '--hypervisor',
  },
  'pod.memory': {
    accept: isVmMemory,
    rule: `${vmMemoryRule}, as text with its unit such as "512MiB"`,
    about: "Least memory of a pod's VM; limits of its containers make it grow.",
    otherwise: (): string => `${defaults.memoryMiB}MiB`,
  },
  'pod.cpus': {
    ...integer(1, maxVmCpus),
    about: "Least number of processors of a pod's VM; limits of its containers make it grow.",
    otherwise: (): number => defaults.cpus,
  },
  'pod.template': {
    ...yesOrNo,
    about: 'Whether a VM starts as a clone of one that has booted before; else it boots.',
    otherwise: (): boolean => defaults.template,
    variable: 'VIRTC_TEMPLATE',
    option: 'template',
    flag: '--no-template',
  },
  'container.pids_limit': {
    ...integer(1, maxPidsLimit),
    about: 'Most processes and threads of a container.',
    otherwise: (): number => defaults.pidsLimit,
    flag: '--pids-limit',
  },
  'container.stop_grace': {
    accept: isDuration,
    rule: 'must be a duration as text with its unit such as "10s" (ms, s, m, h), up to 24 days',
    about: 'What a container has between its stop signal and SIGKILL.',
    otherwise: (): string => `${defaults.stopGraceMs / 1000}s`,
  },
  'container.writes': {
    ...oneOf(writePlaces),
    about:
      'Where writes to a root directory go: "discard" is memory, "host" changes the directory.',
    otherwise: (): 'host' | 'discard' => defaults.writes,
    flag: '--writes',
  },
} as const satisfies Readonly<Record<string, Key>>;

/** What only the command line uses. */
export const cliKeys = {
  'cli.log': {
    ...oneOf(logLevels),
    about: 'Log on standard error, from this level on.',
    otherwise: (): LogLevel => shownByDefault.log,
    variable: 'VIRTC_LOG',
    flag: '--debug',
  },
  'cli.progress': {
    ...oneOf(progressModes),
    about:
      'What is slow right now: "auto" is one line on a terminal, "plain" a line for each step, "none" nothing.',
    otherwise: (): Progress => shownByDefault.progress,
    flag: '--progress',
  },
  'cli.color': {
    ...oneOf(colorModes),
    about: 'Colour: "auto" is on a terminal.',
    otherwise: (): Color => shownByDefault.color,
    variable: 'NO_COLOR, FORCE_COLOR',
    flag: '--color',
  },
} as const satisfies Readonly<Record<string, Key>>;

export type LogLevel = (typeof logLevels)[number];
export type Progress = (typeof progressModes)[number];
export type Color = (typeof colorModes)[number];

export type KeyName = keyof typeof libraryKeys | keyof typeof cliKeys;

/** All keys in the order in which they are shown. */
export const allKeys: Readonly<Record<KeyName, Key>> = { ...libraryKeys, ...cliKeys };
