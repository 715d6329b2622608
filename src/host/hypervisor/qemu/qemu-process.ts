// A running QEMU: its name in the record, its standard error, its end.
import { waitFor } from '../../../base/deadline.js';
import { VirtcontainersError } from '../../../base/errors.js';
import type { JailedExit, JailedProcess, JailSpec } from '../../../base/namespaces/jail.js';
import { type ProcessHandle, processHandle } from '../../../base/process-handle.js';
import { consoleTailBytes } from '../../../model/limits.js';
import { ByteTail } from '../../logs/byte-tail.js';

/** Starts a process in a jail; tests put another in its place. */
export type Spawn = (spec: JailSpec) => Promise<JailedProcess>;

/** How long a killed process may take to be gone, in milliseconds. */
export const deathWaitMs = 5000;
/** How long the rest of its standard error may take to arrive after its end, in milliseconds. */
const stderrWaitMs = 100;

export class QemuProcess {
  readonly handle: ProcessHandle;
  readonly pid: number;
  /** Resolves once, when the process has ended and its standard error is read; never rejects. */
  readonly exited: Promise<JailedExit>;
  readonly #process: JailedProcess;
  readonly #stderr = new ByteTail(consoleTailBytes);

  constructor(process: JailedProcess) {
    this.#process = process;
    this.pid = process.pid;
    const stderrEnded = new Promise<void>((resolve) => {
      process.stderr.once('close', resolve);
    });
    process.stderr.on('data', (chunk: Uint8Array) => this.#stderr.push(chunk));
    process.stderr.on('error', () => {});
    this.exited = process.exited.then(async (exit) => {
      const bound = { timeoutMs: stderrWaitMs, what: 'cannot read standard error' };
      await waitFor(stderrEnded, bound).catch(() => process.stderr.destroy());
      return exit;
    });
    // One that has already ended has no start time; nothing then goes by the handle.
    this.handle = processHandle(process.pid) ?? { pid: process.pid, startTime: '0' };
  }

  /** The last of what it wrote to its standard error, as it came. */
  stderrText(): string {
    return this.#stderr.text();
  }

  /** Takes its own directory's writability away. */
  seal(): Promise<void> {
    return this.#process.seal();
  }

  /** Kills it and waits until it is reaped. Works on a stopped process; safe to repeat. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    try {
      await waitFor(this.exited, { timeoutMs: deathWaitMs, what: '' });
    } catch (error) {
      throw new VirtcontainersError(
        'timeout',
        `cannot kill QEMU ${this.pid}: it is still there after ${deathWaitMs} ms`,
        { cause: error },
      );
    }
  }
}
