// A runtime over fakes, with everything a test wants to look at: VMs, shares, the disk, faults.
import assert from 'node:assert/strict';
import { silentLogger } from '../base/log.js';
import { TtrpcAgentConnector } from '../host/agent/ttrpc-agent-connector.js';
import { FileLogs } from '../host/logs/file-logs.js';
import { type Defaults, defaults } from '../model/defaults.js';
import type { ProgressEvent } from '../model/progress.js';
import type { Warning } from '../model/warning.js';
import { LocalRuntime } from '../pod/local-runtime.js';
import type { Mechanisms } from '../pod/mechanisms.js';
import type { FakeCrunOptions } from './fake-crun.js';
import { FakeHypervisor } from './fake-hypervisor.js';
import { FakeShare } from './fake-share.js';
import { FakeDisk, FakeStore } from './fake-store.js';
import { FakeTemplates } from './fake-templates.js';
import { Faults } from './faults.js';

/** A directory that exists on every host: fakes only look whether a source is there. */
export const anyDirectory = '/tmp';

export class PodWorld {
  /** How the pods of worlds come to be that do not say it. */
  static origin: 'boot' | 'clone' = 'boot';
  readonly disk: FakeDisk;
  readonly store: FakeStore;
  readonly hypervisor: FakeHypervisor;
  readonly share: FakeShare;
  readonly templates: FakeTemplates;
  readonly faults = new Faults();
  /** What the runtime stands on, faults included. */
  readonly mechanisms: Mechanisms;
  readonly runtime: LocalRuntime;
  readonly events: ProgressEvent[] = [];
  readonly warnings: Warning[] = [];
  /** Can make the creation of a pod wait. */
  beforeImage: () => Promise<void> = async () => {};

  /** @param other a world whose host this process shares: the same disk, VMs and shares */
  constructor(
    options: {
      readonly crun?: FakeCrunOptions;
      readonly other?: PodWorld;
      /** What pods get; here they boot where it does not say otherwise. */
      readonly defaults?: Defaults;
      /** How pods come to be: as clones their template is there already. Default `PodWorld.origin`. */
      readonly origin?: 'boot' | 'clone';
      /** How many pods wait; they need `root`. */
      readonly warm?: number;
      /** A directory of the test's for pods' directories, else there are none. */
      readonly root?: string;
      /** Takes over what containers print. Default: who holds them reads it. */
      readonly keepOutput?: Mechanisms['keepOutput'];
    } = {},
  ) {
    const { other } = options;
    this.disk = other?.disk ?? new FakeDisk(options.root);
    this.store = new FakeStore(this.disk);
    this.hypervisor = other?.hypervisor ?? new FakeHypervisor(options.crun);
    this.share = other?.share ?? new FakeShare();
    this.templates = other?.templates ?? new FakeTemplates();
    const isClone = (options.origin ?? PodWorld.origin) === 'clone';
    if (isClone) this.templates.isAlwaysThere = true;
    const mechanisms: Mechanisms = {
      hypervisor: this.hypervisor,
      share: this.share,
      // Nothing is logged on a fake host, but what a test writes there.
      logs: new FileLogs({ root: `${options.root ?? '/nonexistent'}/logs` }),
      store: this.store,
      templates: this.templates,
      templateRestMs: 0,
      agents: new TtrpcAgentConnector({ version: '0.0.0-test' }),
      openImage: async () => {
        await this.beforeImage();
        return {
          id: 'fake',
          directory: '/fake/image',
          kernel: '/fake/image/vmlinux',
          initrd: '/fake/image/initrd',
          rootImage: '/fake/image/root',
          rootImageBytes: 128 * 1024 * 1024,
          memoryPreload: '/fake/image/preload',
          kernelParameters: [],
        };
      },
      accelerator: 'auto',
      defaults: options.defaults ?? { ...defaults, template: isClone },
      host: { cpus: 8, memoryMiB: 16 * 1024 },
      owner: { pid: process.pid, startTime: '1' },
      log: silentLogger,
      keepOutput: options.keepOutput,
      onProgress: (event) => this.events.push(event),
      onWarning: (warning) => this.warnings.push(warning),
    };
    this.mechanisms = this.faults.around(mechanisms);
    const { warm = 0 } = options;
    this.runtime = new LocalRuntime(async () => this.mechanisms, { warm, warmRefillMs: 10 });
  }

  /** What is left on the "host". */
  get left() {
    return {
      vms: this.hypervisor.living,
      shares: this.share.open.size,
      binds: this.share.bound.size,
      records: this.disk.pods.size,
      names: this.disk.names.size,
    };
  }

  /** Fails unless nothing at all is left. */
  assertNothingLeft(message?: string): void {
    assert.deepEqual(this.left, { vms: 0, shares: 0, binds: 0, records: 0, names: 0 }, message);
    assert.equal(this.templates.building, 0, message);
  }
}
