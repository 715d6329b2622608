// The file of `virtc run --trace`: opened before anything runs, so that a mistake does not cost a run.
import { closeSync, fstatSync, ftruncateSync, openSync, rmSync, writeFileSync } from 'node:fs';
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
  const descriptor = attempt(file, () => openSync(file, 'a'));
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
      const isEmpty = fstatSync(descriptor).size === 0;
      closeSync(descriptor);
      if (isEmpty) rmSync(file, { force: true });
    },
  };
}

function attempt<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const reason = errnoOf(cause) ?? reasonOf(cause);
    throw new VirtcontainersError('unavailable', `cannot write trace ${file}: ${reason}`, {
      cause,
    });
  }
}
