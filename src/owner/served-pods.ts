// Serves pods of this process to others, some time after they were made: what their own process wants of them comes first.
import type { Logger } from '../base/log.js';
import { serveAfterMs } from '../model/limits.js';
import type { Pod } from '../model/pod.js';

export interface ServedPodsOptions {
  readonly serve: (pod: Pod, directory: string) => Promise<{ close(): Promise<void> }>;
  /** Default `serveAfterMs` of the limits. */
  readonly serveAfterMs?: number;
}

export class ServedPods {
  readonly #serve: ServedPodsOptions['serve'];
  readonly #afterMs: number;

  constructor(options: ServedPodsOptions) {
    this.#serve = options.serve;
    this.#afterMs = options.serveAfterMs ?? serveAfterMs;
  }

  /** Opens the pod's sockets before long and closes them when it is deleted; keeps nothing alive, and only logs what fails. */
  serveSoon(pod: Pod, directory: string, log: Logger): void {
    const deleted = ended(pod);
    const timer = setTimeout(() => {
      void this.#serveUntil(deleted, pod, directory).catch((error: unknown) => {
        log.warn({ subsystem: 'owner', pod: pod.id, err: error }, 'it is not served to others');
      });
    }, this.#afterMs).unref();
    void deleted.then(() => clearTimeout(timer));
  }

  async #serveUntil(deleted: Promise<void>, pod: Pod, directory: string): Promise<void> {
    const server = await this.#serve(pod, directory);
    await deleted;
    await server.close();
  }
}

/** Resolves when the pod has been deleted. */
async function ended(pod: Pod): Promise<void> {
  for await (const _ of pod.events());
}
