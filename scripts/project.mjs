// What all scripts share: where things are, running programs, telling steps.
// @ts-check
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Where guest images and root file systems are kept. */
export const libRoot = process.env['VIRTC_LIB_ROOT'] || '/var/lib/virtcontainers';

/**
 * A program of node_modules, to be given to `process.execPath`.
 * @param {string} file
 */
export const nodeModule = (file) => path.join(root, 'node_modules', file);

/** A module of the build; loaded late, since there is none before the first build. @param {string} file @returns {Promise<any>} */
export const built = (file) => import(path.join(root, 'dist', file));

/**
 * Runs a program to its end, its output passed on, kept, or both.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ output?: 'inherit' | 'stderr' | 'keep' | 'both', input?: number, env?: Record<string, string>, timeoutMs?: number }} [options]
 * @returns {Promise<{ code: number, output: string }>} `code` is 128 + n where signal n ended it
 */
export function run(program, args, options = {}) {
  const { output = 'inherit', input, env, timeoutMs } = options;
  /** @type {import('node:child_process').StdioOptions} */
  const stdio =
    output === 'keep' || output === 'both'
      ? [input ?? 'ignore', 'pipe', 'pipe']
      : [input ?? 'ignore', output === 'stderr' ? 2 : 'inherit', 'inherit'];
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio,
      env: { ...process.env, ...env },
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: 'SIGTERM' }),
    });
    /** @type {Buffer[]} */
    const chunks = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (/** @type {Buffer} */ chunk) => {
        chunks.push(chunk);
        if (output === 'both') process.stdout.write(chunk);
      });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (signal !== null)
        chunks.push(Buffer.from(`\n${path.basename(program)} was ended by ${signal}\n`));
      resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() });
    });
  });
}

/** An error that needs no stack: what it says is for the user. */
export class Failure extends Error {}

/**
 * Runs a script's main function: its errors become one message and exit code 1.
 * @param {() => Promise<void>} main
 */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    process.exitCode = 1;
    if (error instanceof Failure) console.error(error.message);
    else if (error instanceof Error && 'hint' in error) {
      console.error(`${error.message}${error.hint ? `\n${error.hint}` : ''}`);
    } else console.error(error);
  }
}

/** @param {number} begin a value of performance.now() */
export const secondsSince = (begin) => ((performance.now() - begin) / 1000).toFixed(1);

/** A file's text; undefined where it cannot be read. @param {string} file */
export function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
