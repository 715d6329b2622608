// What a started VM consists of on the host, and its end: one place that knows when and why it is gone.
import { waitFor } from '../../../base/deadline.js';
import { errnoOf, VirtcontainersError } from '../../../base/errors.js';
import type { VmExit } from '../hypervisor.js';
import type { GuestConsole } from './guest-console.js';
import type { QemuProcess } from './qemu-process.js';
import type { QmpClient } from './qmp-client.js';
import { toVmExit } from './vm-exit.js';

/** How long the sockets' last bytes may take to arrive after the process has ended, in milliseconds. */
const lastBytesMs = 200;
/** How long after its connections a process' own end may be noticed, in milliseconds. */
const reapMs = 500;
/** How long QEMU may live on after it has closed its QMP connection, in milliseconds. */
const orphanMs = 1000;

export class VmParts {
  readonly process: QemuProcess;
  readonly console: GuestConsole;
  /** Settles once, as soon as the process has ended; never rejects. */
  readonly exited: Promise<VmExit>;
  #qmp: QmpClient | undefined;
  #exit: VmExit | undefined;
  #shutdownReason: string | undefined;
  #killReason: string | undefined;
  #quitSent = false;

  constructor(process: QemuProcess, console: GuestConsole) {
    this.process = process;
    this.console = console;
    this.exited = this.#watch();
  }

  /** How it ended; undefined while it runs. */
  get exit(): VmExit | undefined {
    return this.#exit;
  }

  /** Takes QMP's connection; a QEMU that drops it but lives cannot be commanded any more and is killed. */
  attachQmp(qmp: QmpClient): void {
    this.#qmp = qmp;
    qmp.onEvent(({ name, data }) => {
      if (name === 'SHUTDOWN' && typeof data['reason'] === 'string') {
        this.#shutdownReason = data['reason'];
      }
    });
    void qmp.closed.then(async (error) => {
      const gone = waitFor(this.exited, { timeoutMs: orphanMs, what: '' });
      if (await gone.then(() => true).catch(() => false)) return;
      const why = error === undefined ? '' : `: ${error.message}`;
      await this.kill(`the connection to QEMU was lost${why}`).catch(() => {});
    });
  }

  /** Asks QEMU to end; does not wait for it. */
  quit(): void {
    this.#quitSent = true;
    // The process' end is the answer that counts.
    this.#qmp?.execute('quit').catch(() => {});
  }

  /** Kills QEMU; resolves when it is reaped. */
  async kill(reason: string): Promise<void> {
    if (this.#exit !== undefined) return;
    this.#killReason ??= reason;
    await this.process.kill();
    await this.exited;
  }

  /** Carries out `action`; what fails because the VM has gone says so, with its last words. */
  async during<T>(what: string, action: () => Promise<T>): Promise<T> {
    if (this.#exit !== undefined) throw vmGone(what, this.#exit);
    try {
      return await action();
    } catch (error) {
      if (!(await this.#isGone(error))) throw error;
      throw vmGone(what, await this.exited, error);
    }
  }

  // A connection that ends is noticed before the process is reaped.
  async #isGone(error: unknown): Promise<boolean> {
    if (!mayBeTheEnd(error)) return this.#exit !== undefined;
    const gone = waitFor(this.exited, { timeoutMs: reapMs, what: '' });
    return gone.then(() => true).catch(() => false);
  }

  async #watch(): Promise<VmExit> {
    const exit = await this.process.exited;
    const last = Promise.all([this.console.ended, this.#qmp?.closed]);
    await waitFor(last, { timeoutMs: lastBytesMs, what: '' }).catch(() => {});
    this.#exit = toVmExit({
      exit,
      shutdownReason: this.#shutdownReason,
      killReason: this.#killReason,
      quitSent: this.#quitSent,
      consoleText: this.console.text(),
      stderrText: this.process.stderrText(),
    });
    this.#qmp?.close();
    return this.#exit;
  }
}

const endOfConnection = ['unavailable', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT'];

function mayBeTheEnd(error: unknown): boolean {
  return endOfConnection.includes(errnoOf(error) ?? '');
}

/** The error of whatever is asked of a VM that has ended. */
export function vmGone(what: string, exit: VmExit, cause?: unknown): VirtcontainersError {
  const { kind, reason, consoleTail, stderrTail } = exit;
  return new VirtcontainersError('unavailable', `${what}: ${reason}`, {
    cause,
    details: { exitKind: kind, consoleTail, stderrTail },
  });
}
