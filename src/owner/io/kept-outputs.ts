// What the containers of a pod have printed, for an owner that nobody reads from: drawn, kept for clients, and logged.
import { VirtcontainersError } from '../../base/errors.js';
import type { Process } from '../../model/pod.js';
import type { From } from './io-protocol.js';
import { KeptStream } from './kept-stream.js';
import type { IoProcess } from './serve-io.js';

/** Takes what a container prints; never waits, never throws. */
export interface OutputLog {
  write(stream: 'stdout' | 'stderr', data: Uint8Array): void;
  close(): Promise<void>;
}

interface Kept {
  readonly stdin: Process['stdin'];
  readonly stdout: KeptStream;
  readonly stderr: KeptStream;
}

export class KeptOutputs {
  readonly #openLog: (containerId: string) => Promise<OutputLog | null>;
  readonly #containers = new Map<string, Kept>();
  readonly #logs = new Map<string, Promise<OutputLog | null>>();

  /** @param openLog opens the log of a container, once for all its runs; null where there is none. Must not reject */
  constructor(openLog: (containerId: string) => Promise<OutputLog | null>) {
    this.#openLog = openLog;
  }

  /** Draws from now on what the init of a container prints: that of its first run, or of another one. */
  keep(containerId: string, init: Process): void {
    let log = this.#logs.get(containerId);
    if (log === undefined) {
      log = this.#openLog(containerId);
      this.#logs.set(containerId, log);
    }
    const opened = log;
    const follow = (stream: 'stdout' | 'stderr'): KeptStream =>
      new KeptStream(init[stream], (data) => {
        void opened.then((open) => open?.write(stream, data));
      });
    const { stdin } = init;
    this.#containers.set(containerId, {
      stdin,
      stdout: follow('stdout'),
      stderr: follow('stderr'),
    });
  }

  /** @throws VirtcontainersError `not-found` */
  find(containerId: string): IoProcess {
    const kept = this.#containers.get(containerId);
    if (kept === undefined) {
      throw new VirtcontainersError(
        'not-found',
        `cannot open a stream of container ${containerId.slice(0, 200)}: the pod has none of that id`,
      );
    }
    return {
      stdin: kept.stdin,
      openOutput: (stream: 'stdout' | 'stderr', from: From) => kept[stream].open(from),
    };
  }

  /** The container is no more; readers go on to the end of what is kept. */
  async forget(containerId: string): Promise<void> {
    this.#containers.delete(containerId);
    const log = this.#logs.get(containerId);
    this.#logs.delete(containerId);
    await (await log)?.close();
  }

  /** Writes out what the logs have not written. */
  async close(): Promise<void> {
    await Promise.all([...this.#logs.keys()].map((id) => this.forget(id)));
  }
}
