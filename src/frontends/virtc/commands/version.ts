// `virtc version`: prints the version and loads nothing else.
import { createRequire } from 'node:module';
import type { Command } from 'commander';
import type { ExitWith } from '../main.js';

/** Adds the verb `version`. */
export function addVersion(program: Command, exitWith: ExitWith): void {
  program
    .command('version')
    .description('print the version')
    .action(() => {
      process.stdout.write(`virtc ${packageVersion()}\n`);
      exitWith(0);
    });
}

/** The version in this package's own package.json, found by name: the bundle lies elsewhere than the source. */
export function packageVersion(): string {
  const load = createRequire(import.meta.url);
  const manifest: unknown = load('virtcontainers/package.json');
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
