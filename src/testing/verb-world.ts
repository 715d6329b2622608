// What surrounds verbs of the command line: a runtime with shims over fakes, and streams whose text a test reads.
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { makeDetached } from '../frontends/virtc/run/detached.js';
import { type RunFlags, toRunRequest } from '../frontends/virtc/run/run-request.js';
import { Terminal } from '../frontends/virtc/run/terminal.js';
import { OwnerWorld } from './owner-world.js';
import { anyDirectory } from './pod-world.js';

export class VerbWorld {
  readonly owners: OwnerWorld;
  readonly signals = new EventEmitter();
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly #root: string;

  constructor() {
    this.#root = mkdtempSync(path.join(tmpdir(), 'virtc-verbs-'));
    this.owners = new OwnerWorld(this.#root);
  }

  /** What every verb is given. */
  get context() {
    const { signals, stdin, stdout, stderr } = this;
    const host = {
      stdin: { fd: 0, isTTY: true },
      stdout: {},
      stderr: {},
      on: (event: string, listener: () => void) => signals.on(event, listener),
      off: (event: string, listener: () => void) => signals.off(event, listener),
    };
    return {
      runtime: this.owners.runtime,
      streams: { stdout, stderr },
      terminal: new Terminal(host, { get: () => Buffer.alloc(36), set: () => {} }),
      openStdin: () => stdin,
      ...{ signals, stdout, stderr },
    };
  }

  /** As `virtc run -d`, or `virtc create`. */
  async make(name: string, words: readonly string[], flags: RunFlags = {}, starts = true) {
    const request = toRunRequest(
      words,
      { rootfs: anyDirectory, name, ...flags },
      { cwd: '/', environment: {}, fileEntries: [] },
    );
    return makeDetached(request, { starts }, this.context);
  }

  /** What was printed since it was asked for last. */
  printed(): { readonly stdout: string; readonly stderr: string } {
    const drawn = (stream: PassThrough): string => String(stream.read() ?? '');
    return { stdout: drawn(this.stdout), stderr: drawn(this.stderr) };
  }

  /** Ends every pod and removes the test's directory. */
  async close(): Promise<void> {
    const { runtime } = this.owners;
    for (const { id } of await runtime.listPods()) await runtime.deletePod(id, { force: true });
    await Promise.all(this.owners.shims.map(({ exited }) => exited));
    rmSync(this.#root, { recursive: true, force: true });
  }
}
