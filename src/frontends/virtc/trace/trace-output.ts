// The file of `virtc run --trace`: opened before anything runs, so that a mistake does not cost a run.
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { errnoOf, reasonOf, VirtcontainersError } from '../../../base/errors.js';
import { badFlag } from '../flag-values.js';

const defaultFile = 'virtc-trace.json';

export interface TraceOutput {
  /** Absolute. */
  readonly file: string;
  /** Puts the text in the place of what the file held. @throws VirtcontainersError `unavailable` */
  write(text: string): void;
  /** Lets go of it without a trace; what was there before is still there. */
  drop(): void;
}

/**
 * @param value of the flag: a file, or true for the default one
 * @throws VirtcontainersError `invalid-argument`; `unavailable` where the file cannot be written
 */
export function openTraceOutput(value: string | true, cwd: string): TraceOutput {
  const name = value === true ? defaultFile : value;
  // It may be the command's first word, which must neither be lost nor be overwritten.
  if (!name.endsWith('.json')) {
    const hint = `to run ${JSON.stringify(name)}, put -- before the command: --trace -- ${name}`;
    throw badFlag('--trace', name, "the file's name must end in .json", { hint });
  }
  const file = path.resolve(cwd, name);
  const { descriptor, isNew } = attempt(file, () => openFile(file));
  return {
    file,
    write: (text) =>
      attempt(file, () => {
        try {
          ftruncateSync(descriptor);
          writeFileSync(descriptor, text);
        } finally {
          closeSync(descriptor);
        }
      }),
    drop: () => {
      closeSync(descriptor);
      if (isNew) rmSync(file, { force: true });
    },
  };
}

/**
 * The current directory may be somebody else's, who would choose by a link what root overwrites: only a regular file
 * of this name alone is. Not blocking: a fifo would wait for somebody who reads.
 */
function openFile(file: string): { readonly descriptor: number; readonly isNew: boolean } {
  const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
  const flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK;
  try {
    return { descriptor: openSync(file, flags | O_CREAT | O_EXCL, 0o666), isNew: true };
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  const descriptor = openSync(file, flags);
  const stats = fstatSync(descriptor);
  if (stats.isFile() && stats.nlink === 1) return { descriptor, isNew: false };
  closeSync(descriptor);
  throw new Error('it is not a regular file of one name');
}

function attempt<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const errno = errnoOf(cause);
    const reason = errno === 'ELOOP' ? 'it is a link' : (errno ?? reasonOf(cause));
    throw new VirtcontainersError('unavailable', `cannot write trace ${file}: ${reason}`, {
      cause,
    });
  }
}
