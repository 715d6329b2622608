// Tests of directories that are made with those above them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { makeDirectory } from './make-directory.js';

const scratch = mkdtempSync(path.join(tmpdir(), 'virtc-mkdir-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

test('all that is missing is made with the mode, and what is there stays as it is', () => {
  const top = path.join(scratch, 'a');
  mkdirSync(top);
  chmodSync(top, 0o750);
  makeDirectory(path.join(top, 'b', 'c'), 0o700);
  makeDirectory(path.join(top, 'b', 'c'), 0o755);
  const modes = ['a', 'a/b', 'a/b/c'].map(
    (name) => statSync(path.join(scratch, name)).mode & 0o777,
  );
  assert.deepEqual(modes, [0o750, 0o700, 0o700]);
});

test('a link to a directory is one, a file or a dangling link is not', () => {
  const link = path.join(scratch, 'link');
  symlinkSync(scratch, link);
  makeDirectory(link, 0o700);
  makeDirectory(path.join(link, 'below'), 0o700);
  assert.ok(lstatSync(path.join(scratch, 'below')).isDirectory());
  writeFileSync(path.join(scratch, 'file'), '');
  symlinkSync('/no/such/place', path.join(scratch, 'dangling'));
  assert.throws(() => makeDirectory(path.join(scratch, 'file'), 0o700), { code: 'EEXIST' });
  assert.throws(() => makeDirectory(path.join(scratch, 'file', 'x'), 0o700), { code: 'ENOTDIR' });
  assert.throws(() => makeDirectory(path.join(scratch, 'dangling'), 0o700), { code: 'ENOENT' });
});

test('a directory that another process makes meanwhile is taken', () => {
  const directory = path.join(scratch, 'raced', 'here');
  let calls = 0;
  const slow = (place: string, options: { readonly mode: number }) => {
    calls += 1;
    if (calls === 2) mkdirSync(directory, { recursive: true });
    mkdirSync(place, options);
  };
  makeDirectory(directory, 0o700, { mkdirSync: slow });
  assert.ok(statSync(directory).isDirectory());
});

test('a read-only file system is called one', () => {
  const place = path.join(scratch, 'read-only');
  mkdirSync(place);
  const module = JSON.stringify(new URL('./make-directory.js', import.meta.url).href);
  const code = `const { makeDirectory } = await import(${module});
    try { makeDirectory('${place}/a/b', 0o700); } catch (error) { console.log(error.code, error.path); }`;
  const script = `mount -t tmpfs -o ro tmpfs ${place} && exec ${process.execPath} --input-type=module -e "$1"`;
  const given = ['-m', 'sh', '-c', script, 'sh', code];
  const { stdout, stderr } = spawnSync('unshare', given, { encoding: 'utf8' });
  assert.equal(stdout, `EROFS ${place}/a\n`, stderr);
});
