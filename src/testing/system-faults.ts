// Counts the file system calls of this process below some roots and lets one of them fail, or all from one on, as a full disk does.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { getSystemErrorMap } from 'node:util';
import { nodeFiles } from '../base/files/files.js';

export type FaultCode = 'ENOSPC' | 'EROFS' | 'EMFILE' | 'EIO';

/** `once` is the chosen call alone; `lasting` is all from it on that such a fault meets. */
export type FaultSpan = 'once' | 'lasting';

type Call = (...given: unknown[]) => unknown;
type Table = Record<string, Call>;
type Kind = 'make' | 'remove' | 'open' | 'write' | 'look';

/** What a call is; an `open` that may make its file is a `make` as well. */
const kinds: Readonly<Record<string, Kind>> = {
  ...{ mkdir: 'make', mkdtemp: 'make', symlink: 'make', rename: 'make' },
  ...{ rm: 'remove', rmdir: 'remove', unlink: 'remove', chmod: 'remove' },
  ...{ open: 'open', openBeneath: 'open', readdir: 'open', readFile: 'open' },
  ...{ writeFile: 'write', fsync: 'write' },
  ...{ stat: 'look', lstat: 'look', fstat: 'look', readlink: 'look', realpath: 'look' },
  ...{ tryLock: 'look' },
};

export class SystemFaults {
  /** The calls so far that the armed fault could have met: `mkdir /run/x/pods`. */
  readonly met: string[] = [];
  readonly #roots: readonly string[];
  readonly #restore: (() => void)[] = [];
  #at = 0;
  #code: FaultCode = 'EIO';
  #span: FaultSpan = 'once';

  /** @param roots calls about other paths are left alone; those about descriptors count only where the store makes them */
  constructor(roots: readonly string[]) {
    this.#roots = roots;
  }

  /** Begins to count; `at` is the number of the call that fails, from 1. */
  arm(at: number, code: FaultCode, span: FaultSpan): void {
    this.met.length = 0;
    [this.#at, this.#code, this.#span] = [at, code, span];
  }

  disarm(): void {
    this.#at = 0;
  }

  /** Puts itself around the calls of Node's modules and of what keeps its state in files; `remove` takes it away. */
  install(): void {
    for (const name of Object.keys(kinds)) {
      this.#wrap(fs as unknown as Table, `${name}Sync`, name, 'sync');
      this.#wrap(fs.promises as unknown as Table, name, name, 'promise');
    }
    for (const key of Object.keys(nodeFiles)) {
      const name = key.replace(/Sync$/, '');
      const how = name === 'fsync' || name === 'writeFile' ? 'promise' : 'sync';
      if (name in kinds) this.#wrap(nodeFiles as unknown as Table, key, name, how);
    }
    syncBuiltinESMExports();
  }

  remove(): void {
    for (const restore of this.#restore.splice(0)) restore();
    syncBuiltinESMExports();
  }

  #wrap(table: Table, key: string, name: string, how: 'sync' | 'promise'): void {
    const real = table[key];
    if (real === undefined) return;
    const ofStore = table === (nodeFiles as unknown as Table);
    table[key] = (...given: unknown[]): unknown => {
      const error = this.#meet(name, given, ofStore);
      if (error === null) return Reflect.apply(real, table, given);
      if (how === 'promise') return Promise.reject(error);
      throw error;
    };
    this.#restore.push(() => {
      table[key] = real;
    });
  }

  #meet(name: string, given: readonly unknown[], ofStore: boolean): Error | null {
    if (this.#at === 0) return null;
    const subject = typeof given[0] === 'string' ? given[0] : '';
    const isOurs = this.#roots.some((root) => subject.includes(root));
    const isDescriptor = typeof given[0] === 'number' || subject.startsWith('/proc/self/fd/');
    if (!isOurs && !(ofStore && isDescriptor)) return null;
    if (!this.#concerns(name, given)) return null;
    this.met.push(`${name} ${subject}`.trim());
    const isDue = this.met.length === this.#at;
    if (!isDue && !(this.#span === 'lasting' && this.met.length > this.#at)) return null;
    return systemError(this.#code, name, subject);
  }

  #concerns(name: string, given: readonly unknown[]): boolean {
    const kind = kinds[name];
    const makes = kind === 'make' || kind === 'write' || (name === 'open' && mayMake(given[1]));
    switch (this.#code) {
      case 'ENOSPC':
        return makes;
      case 'EROFS':
        return makes || kind === 'remove';
      case 'EMFILE':
        return kind === 'open' || (name === 'writeFile' && typeof given[0] === 'string');
      case 'EIO':
        return true;
    }
  }
}

function mayMake(flags: unknown): boolean {
  if (typeof flags === 'number') return (flags & fs.constants.O_CREAT) !== 0;
  return typeof flags === 'string' && flags !== 'r';
}

function systemError(code: FaultCode, syscall: string, path: string): Error {
  const [errno, [, text]] = [...getSystemErrorMap()].find(([, [name]]) => name === code) ?? [
    0,
    [code, code],
  ];
  const subject = path === '' ? '' : ` '${path}'`;
  return Object.assign(new Error(`${code}: ${text}, ${syscall}${subject}`), {
    errno,
    code,
    syscall,
    ...(path === '' ? {} : { path }),
  });
}
