// Tests of sources that cannot be shared, or change while they are looked at: each is named, and no descriptor stays open.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { isVirtcontainersError } from '../../base/errors.js';
import { openDescriptors } from '../../testing/disk-world.js';
import { cloneSource } from './clone-source.js';

const scratch = fs.mkdtempSync(path.join(tmpdir(), 'virtc-source-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));
const at = (name: string): string => path.join(scratch, name);

async function clone(source: string, readOnly = true): Promise<string> {
  const { mountFd, kind } = await cloneSource({ source, readOnly, pid: process.pid });
  fs.closeSync(mountFd);
  return kind;
}

/** The outcome of a bind: what was cloned, or the error's code and reason. */
async function outcome(source: string): Promise<string> {
  const before = openDescriptors();
  const result = await clone(source).catch((error: unknown) => {
    assert.ok(isVirtcontainersError(error), String(error));
    const start = `cannot bind ${source}: `;
    assert.ok(error.message.startsWith(start), error.message);
    return `${error.code}: ${error.message.slice(start.length)}`;
  });
  assert.deepEqual(openDescriptors(), before);
  return result;
}

const cases: Readonly<
  Record<string, { readonly make: (place: string) => void; readonly is: string }>
> = {
  'a directory': { make: (place) => fs.mkdirSync(place), is: 'directory' },
  'a file': { make: (place) => fs.writeFileSync(place, ''), is: 'file' },
  'a directory of mode 000': { make: (place) => fs.mkdirSync(place, { mode: 0 }), is: 'directory' },
  nothing: { make: () => {}, is: 'not-found: it does not exist' },
  'a dangling link': {
    make: (place) => fs.symlinkSync('/no/such/place', place),
    is: 'not-found: it does not exist',
  },
  'a link to itself': {
    make: (place) => fs.symlinkSync(place, place),
    is: 'invalid-argument: ELOOP: too many symbolic links encountered, stat',
  },
  'a pipe': {
    make: (place) => void spawnSync('mkfifo', [place]),
    is: 'invalid-argument: it is neither a directory nor a regular file',
  },
};

for (const [what, { make, is }] of Object.entries(cases)) {
  test(`of ${what} a bind says: ${is}`, async () => {
    const place = at(what);
    make(place);
    assert.equal((await outcome(place)).replace(` '${place}'`, ''), is);
  });
}

test('a name too long for any file is told', async () => {
  assert.match(await outcome(at('x'.repeat(300))), /^invalid-argument: ENAMETOOLONG/);
});

/** Lets `change` happen after a source has been looked at and before it is taken. */
async function changedBetween(change: () => void, use: () => Promise<void>): Promise<void> {
  const { stat } = fs.promises;
  const late = async (...given: Parameters<typeof stat>) => {
    const found = await stat(...given);
    change();
    return found;
  };
  fs.promises.stat = late as typeof stat;
  syncBuiltinESMExports();
  try {
    await use();
  } finally {
    fs.promises.stat = stat;
    syncBuiltinESMExports();
  }
}

test('a directory that vanishes between the look and the bind does not exist', async () => {
  const place = at('vanishing');
  fs.mkdirSync(place);
  await changedBetween(
    () => fs.rmdirSync(place),
    async () => assert.equal(await outcome(place), 'not-found: it does not exist'),
  );
});

test('what has become a pipe between the look and the bind is refused for what it is', async () => {
  const place = at('changing');
  fs.mkdirSync(place);
  const become = (): void => {
    fs.rmdirSync(place);
    spawnSync('mkfifo', [place]);
  };
  await changedBetween(become, async () => {
    const is = 'invalid-argument: it is neither a directory nor a regular file';
    assert.equal(await outcome(place), is);
  });
});

test('a read-only mount can be a source, also of a bind that may write', () => {
  // In a mount namespace of its own, so nothing stays mounted whatever happens.
  const place = at('read-only');
  fs.mkdirSync(place);
  const module = JSON.stringify(new URL('./clone-source.js', import.meta.url).href);
  const code = `const { cloneSource } = await import(${module});
    const { mountFd, kind } = await cloneSource({ source: '${place}', readOnly: false, pid: process.pid });
    const fs = await import('node:fs');
    try { fs.writeFileSync('/proc/self/fd/' + mountFd + '/x', ''); } catch (error) { console.log(kind, error.code); }`;
  const script = `mount -t tmpfs -o ro tmpfs ${place} && exec ${process.execPath} --input-type=module -e "$1"`;
  const given = ['-m', 'sh', '-c', script, 'sh', code];
  const { stdout, stderr } = spawnSync('unshare', given, { encoding: 'utf8' });
  assert.equal(stdout, 'directory EROFS\n', stderr);
});
