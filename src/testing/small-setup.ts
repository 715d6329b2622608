// A setup in a process of its own that can be killed: what setupGuestImage does, with two small parts in place of a kernel and a root image.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { isVirtcontainersError } from '../base/errors.js';
import { openGuestImage } from '../host/images/guest-image.js';

const url = (name: string): string =>
  JSON.stringify(new URL(`../../guest-image/${name}`, import.meta.url).href);

// It tells where it is.
const program = `
import { appendFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hashBytes } from ${url('hash.js')};
import { installImage } from ${url('install.js')};
import { ensurePart } from ${url('parts.js')};
import { runProgram } from ${url('run-program.js')};
import { withScratch } from ${url('scratch.js')};

const directory = process.argv[1];
const abort = new AbortController();
process.once('SIGINT', () => abort.abort());
const { signal } = abort;
const tell = (text) => process.stdout.write(text + '\\n');
// Half of the file, a program with a child that writes all the time, the other half.
const build = (name, seconds) => async (target) => {
  const file = path.join(target, name);
  await writeFile(file, 'half');
  tell(name + '-half');
  const script = '(while :; do date > "$1/noise"; done) & sleep "$2"; kill $!';
  await runProgram('sh', ['-c', script, 'sh', target, seconds], { what: 'cannot build', signal });
  await appendFile(file, ' whole');
  return { [name]: '1' };
};
try {
  await withScratch(directory, { signal, onWait: () => tell('wait') }, async (scratch) => {
    const store = { directory: path.join(directory, 'parts'), scratch, force: false };
    const seconds = process.argv[2];
    const part = async (name) => {
      const made = await ensurePart(store, { name, inputs: [name], build: build(name, seconds) });
      tell(name + '-made');
      const from = { kind: 'path', path: path.join(made.directory, name) };
      return { name, sha512: made.files[name], from };
    };
    const kernel = await part('vmlinux');
    const rootImage = await part('root.erofs');
    const written = (name, text) => {
      const data = Buffer.from(text);
      return { name, sha512: hashBytes(data), from: { kind: 'data', data } };
    };
    const initrd = written('initrd.cpio', process.argv[3] ?? 'agent');
    const memoryPreload = written('preload.so', 'library');
    await installImage(directory, scratch, {
      files: { kernel, rootImage, initrd, memoryPreload },
      versions: {},
      kernelParameters: ['quiet'],
    });
    tell('installed');
  });
} catch (error) {
  if (!signal.aborted) throw error;
  process.exitCode = 130;
}
`;

/** When a setup is ended. */
export interface Point {
  /** What the setup has told. */
  readonly after: string;
  readonly thenMs: number;
  /** How long each part takes. */
  readonly seconds: string;
}

/** Carries a setup out, or ends it by `signal` at `until`; tells what it has told. */
export async function setup(
  directory: string,
  seconds: string,
  until?: Point,
  signal?: NodeJS.Signals,
) {
  const args = ['--input-type=module', '-e', program, directory, seconds];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    if (line !== until?.after) continue;
    if (until.thenMs > 0) await new Promise((resolve) => setTimeout(resolve, until.thenMs));
    child.kill(signal);
  }
  return { lines, end: await exited };
}

/** Begins a setup with an agent of its own and ends it after some milliseconds. */
export async function killedAfter(ms: number, directory: string, agent: string): Promise<void> {
  const args = ['--input-type=module', '-e', program, directory, '0', agent];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  await once(child, 'exit');
  clearTimeout(timer);
}

/** Fails if anything under its own name is not whole. */
export async function assertNothingHalf(directory: string, libRoot: string): Promise<void> {
  for (const name of await readdir(path.join(directory, 'parts')).catch(() => [])) {
    const file = path.join(directory, 'parts', name, name.replace(/-[^-]*$/, ''));
    assert.equal(await readFile(file, 'utf8'), 'half whole');
    await readFile(path.join(directory, 'parts', name, 'part.json'));
  }
  for (const name of (await readdir(directory)).filter((entry) => /^[0-9a-f]{32}$/.test(entry))) {
    await openGuestImage({ libRoot, path: path.join(directory, name) });
  }
  await openGuestImage({ libRoot }).catch((error: unknown) => {
    assert.ok(isVirtcontainersError(error) && error.code === 'not-found', String(error));
  });
}
