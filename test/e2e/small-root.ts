// A root file system of a few programs: what is not in it a test can tell.
import { copyFileSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { debian } from './harness.js';

const libraries = 'usr/lib/x86_64-linux-gnu';

/** Makes it from Debian's files; `programs` are those that need no library but libc. */
export function makeSmallRoot(root: string, programs: readonly string[]): void {
  for (const place of ['usr/bin', libraries, 'usr/lib64']) {
    mkdirSync(path.join(root, place), { recursive: true });
  }
  for (const file of [
    ...programs.map((name) => `usr/bin/${name}`),
    `${libraries}/libc.so.6`,
    'usr/lib64/ld-linux-x86-64.so.2',
  ]) {
    copyFileSync(realpathSync(path.join(debian, file)), path.join(root, file));
  }
  for (const link of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${link}`, path.join(root, link));
}
