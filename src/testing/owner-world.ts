// Runtimes of several "processes" over one fake host, all in this process: shims are started as programs are, over streams.
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { version } from '../base/version.js';
import { runShim, type ShimParts } from '../frontends/shim/run-shim.js';
import { defaults } from '../model/defaults.js';
import { connectPod } from '../owner/client/connect-pod.js';
import { openSockets } from '../owner/open-sockets.js';
import { OwnerRuntime } from '../owner/owner-runtime.js';
import { type ShimProcess, startShim } from '../owner/shim/start-shim.js';
import { LocalRuntime } from '../pod/local-runtime.js';
import { PodWorld } from './pod-world.js';

/** A shim that runs in this process. */
export interface FakeShim {
  /** Takes its signals. */
  readonly process: EventEmitter;
  /** With which code it has ended. */
  readonly exited: Promise<number>;
  /** Its view of the host. */
  readonly world: PodWorld;
}

export class OwnerWorld {
  readonly host: PodWorld;
  /** Of the test's process. */
  readonly runtime: OwnerRuntime;
  /** Every shim that was started, the newest last. */
  readonly shims: FakeShim[] = [];
  /** How shims make their pods; a test can have them fail. */
  serveShim: ShimParts['serve'];
  readonly #root: string;

  /** @param root a directory of the test's, for what is real */
  constructor(root: string) {
    this.#root = root;
    this.host = new PodWorld({ root: `${root}/pods` });
    this.serveShim = openSockets;
    this.runtime = this.#runtimeOf(this.host);
  }

  /** A runtime as another process of the same host would have it. */
  otherProcess(): OwnerRuntime {
    return this.#runtimeOf(new PodWorld({ other: this.host }));
  }

  #runtimeOf(world: PodWorld): OwnerRuntime {
    return new OwnerRuntime(world.runtime, {
      serve: (pod, directory) => openSockets(pod, { directory, outputs: null }),
      connect: connectPod,
      serveAfterMs: 0,
      answerMs: 300,
      startShim: ({ config: pod, template }, options) => {
        const config = {
          runRoot: this.#root,
          libRoot: `${this.#root}/lib`,
          guestImage: null,
          accelerator: 'auto' as const,
          defaults: { ...defaults, template: false },
        };
        const request = { version, config, pod, template, logLevel: 'debug' as const };
        return startShim(request, () => this.#spawn(), options);
      },
    });
  }

  #spawn(): ShimProcess {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const world = new PodWorld({ other: this.host });
    world.beforeImage = () => this.host.beforeImage();
    const shimProcess = new EventEmitter();
    const exited = runShim({
      input: stdin,
      output: stdout,
      process: shimProcess,
      createRuntime: (_config, { logger, ...hooks }) =>
        new LocalRuntime(async () => ({ ...world.mechanisms, log: logger, ...hooks }), {
          isShim: true,
        }),
      serve: (pod, place) => this.serveShim(pod, place),
    });
    this.shims.push({ process: shimProcess, exited, world });
    void exited.then(() => stdout.end());
    return {
      pid: process.pid,
      ...{ stdin, stdout, stderr },
      exited: exited.then((code) => `it exited with code ${code}`),
      kill: () => {},
      letGo: () => {},
    };
  }
}
