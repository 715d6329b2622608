// The file system calls of what keeps its state in files, in one place, so that tests can let each of them fail.
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { tryLock } from '../native/lock.js';
import { openBeneath } from '../native/open-beneath.js';

export const nodeFiles = {
  closeSync: fs.closeSync,
  fchmodSync: fs.fchmodSync,
  fchownSync: fs.fchownSync,
  fstatSync: fs.fstatSync,
  fsync: promisify(fs.fsync),
  futimesSync: fs.futimesSync,
  lstatSync: fs.lstatSync,
  mkdirSync: fs.mkdirSync,
  openBeneath,
  openSync: fs.openSync,
  readdirSync: (path: string) => fs.readdirSync(path),
  readFileSync: (fd: number) => fs.readFileSync(fd, 'utf8'),
  readlinkSync: (path: string) => fs.readlinkSync(path, 'utf8'),
  renameSync: fs.renameSync,
  readSync: (fd: number, buffer: Uint8Array) => fs.readSync(fd, buffer, 0, buffer.length, null),
  rmdirSync: fs.rmdirSync,
  symlinkSync: fs.symlinkSync,
  tryLock,
  unlinkSync: fs.unlinkSync,
  writeFile: promisify((fd: number, text: string, done: (error: Error | null) => void) =>
    fs.writeFile(fd, text, done),
  ),
};

export type Files = typeof nodeFiles;

export const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } =
  fs.constants;
