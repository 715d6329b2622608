// A runtime whose records, locks, shares, logs, cgroups and sockets are real and whose QEMU is none: its agent is the real guest service.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Logger, LogMethod } from '../base/log.js';
import { agentServerOptions, createAgentService } from '../guest/agent-service.js';
import { TtrpcAgentConnector } from '../host/agent/ttrpc-agent-connector.js';
import type { Hypervisor, Vm } from '../host/hypervisor/hypervisor.js';
import { type CgroupMaker, hostCgroups } from '../host/hypervisor/qemu/cgroup-maker.js';
import { QemuHypervisor } from '../host/hypervisor/qemu/qemu-hypervisor.js';
import { FileLogs } from '../host/logs/file-logs.js';
import { NinePShare } from '../host/share/ninep-share.js';
import { FileStore } from '../host/store/file-store.js';
import { FileTemplates } from '../host/templates/file-templates.js';
import { defaults } from '../model/defaults.js';
import type { Warning } from '../model/warning.js';
import { LocalRuntime } from '../pod/local-runtime.js';
import { listenForHosts } from '../wire/attach/index.js';
import { serve } from '../wire/ttrpc/index.js';
import { FakeCrun } from './fake-crun.js';
import { FakeQemu } from './fake-qemu.js';
import { FakeSystem } from './fake-system.js';

/** What `DiskWorld.left` says of a world where nothing is. */
export const nothingLeft = { pods: [], names: [], logs: [], cgroups: [], qemus: 0 };

export class DiskWorld {
  /** Holds the run root, the lib root, and a directory that containers can have as their root. */
  readonly directory: string;
  readonly runRoot: string;
  readonly libRoot: string;
  readonly rootfs: string;
  readonly cgroups: CgroupMaker;
  /** Every QEMU that was started, the newest last. */
  readonly qemus: FakeQemu[] = [];
  /** What was logged: each line's fields and text as one. */
  readonly logged: string[] = [];
  readonly warnings: Warning[] = [];
  runtime: LocalRuntime;
  readonly #name: string;
  readonly #template: boolean;

  /**
   * @param options.directory of its own, removed by `close`. Default: one in the temporary directory
   * @param options.cgroups whether there are any. Default: there are
   * @param options.template whether pods are cloned from templates, which are real files then. Default: they boot
   */
  constructor(
    options: {
      readonly directory?: string;
      readonly cgroups?: boolean;
      readonly template?: boolean;
    } = {},
  ) {
    const directory = options.directory ?? mkdtempSync(path.join(tmpdir(), 'virtc-disk-'));
    this.directory = directory;
    this.#name = path.basename(directory);
    this.#template = options.template ?? false;
    this.runRoot = path.join(directory, 'run');
    this.libRoot = path.join(directory, 'lib');
    this.rootfs = directory;
    const cgroups = hostCgroups((podId) => `${this.#name}.${podId}`);
    // There is no process to be put into them.
    this.cgroups = { ...cgroups, add: () => {}, ...(options.cgroups === false ? none : {}) };
    this.runtime = this.#newRuntime();
  }

  /** As another process would have it, after this one has ended: nothing of it is remembered. */
  restart(): void {
    this.runtime = this.#newRuntime();
  }

  /** What is on the host now because of this world. */
  left() {
    const list = (...names: string[]): string[] => {
      const place = path.join(this.directory, ...names);
      return existsSync(place) ? readdirSync(place).sort() : [];
    };
    return {
      pods: list('run', 'pods'),
      names: list('run', 'containers'),
      logs: list('lib', 'logs'),
      cgroups: this.cgroups.find('p'),
      qemus: this.qemus.filter(({ exit }) => exit === null).length,
    };
  }

  close(): void {
    for (const qemu of this.qemus) qemu.end({ code: null, signal: 'SIGKILL' });
    rmSync(this.directory, { recursive: true, force: true });
  }

  #logger(): Logger {
    const write: LogMethod = (fields, message) => {
      const error = fields['err'] instanceof Error ? fields['err'].message : '';
      this.logged.push(`${message} ${JSON.stringify(fields)} ${error}`);
    };
    const logger: Logger = {
      ...{ debug: write, info: write, warn: write, error: write },
      child: () => logger,
    };
    return logger;
  }

  #newRuntime(): LocalRuntime {
    const logs = path.join(this.libRoot, 'logs');
    const qemu = new QemuHypervisor({
      runRoot: this.runRoot,
      logRoot: logs,
      cacheDirectory: null,
      parts: {
        prepare: async () => {},
        cgroups: this.cgroups,
        spawn: async (spec) => {
          const made = new FakeQemu(spec, { sockets: { agent: serveAgent() } });
          this.qemus.push(made);
          return made.process;
        },
      },
    });
    const mechanisms = {
      hypervisor: withoutNamespace(qemu, this.cgroups),
      share: new NinePShare(),
      store: new FileStore({ root: this.runRoot, logs }),
      logs: new FileLogs({ root: logs }),
      templates: new FileTemplates({ root: path.join(this.libRoot, 'templates') }),
      templateRestMs: 0,
      agents: new TtrpcAgentConnector({ version: '0.0.0-test' }),
      openImage: async () => ({
        id: 'fake',
        directory: '/fake/image',
        kernel: '/fake/image/vmlinux',
        initrd: '/fake/image/initrd',
        rootImage: '/fake/image/root',
        rootImageBytes: 128 * 1024 * 1024,
        memoryPreload: '/fake/image/preload',
        kernelParameters: [],
      }),
      host: { cpus: 8, memoryMiB: 16 * 1024 },
      accelerator: 'tcg',
      defaults: { ...defaults, template: this.#template },
      owner: { pid: process.pid, startTime: '1' },
      log: this.#logger(),
      onProgress: undefined,
      onWarning: (warning: Warning) => this.warnings.push(warning),
    } as const;
    return new LocalRuntime(async () => mechanisms);
  }
}

const none = { create: () => [], find: () => [] };

/** What this process has open: two lists that differ tell what is left open. */
export function openDescriptors(): readonly string[] {
  const found: string[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      if (!/^\/proc\/\d+\/fd$/.test(target)) found.push(target.replace(/\d+(?=\]$)/, ''));
    } catch {
      // The descriptor of this very look.
    }
  }
  return found.sort();
}

/** Fails unless what is open is what was open before; the sockets' ends close in their own turns. */
export async function assertClosed(before: readonly string[], where: string): Promise<void> {
  for (let turn = 0; turn < 200 && openDescriptors().length > before.length; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.deepEqual(openDescriptors(), before, `${where}: descriptors are left open`);
}

function serveAgent() {
  const service = createAgentService({
    system: new FakeSystem(),
    runtime: new FakeCrun(),
    version: '0.0.0-fake',
  });
  return (socket: Socket): void => {
    listenForHosts(socket, (connection) => serve(connection, [service], agentServerOptions));
  };
}

// Its mounts would be in the namespace of a process that is none.
function withoutNamespace(hypervisor: QemuHypervisor, cgroups: CgroupMaker): Hypervisor {
  return withChanges<Hypervisor>(hypervisor, {
    // Without a process nothing but cgroups can be found, and a look at all of the host's takes long.
    findLeftovers: async (podId) =>
      cgroups.find(podId).length === 0 ? [] : hypervisor.findLeftovers(podId),
    start: async (plan, options) =>
      withChanges<Vm>(await hypervisor.start(plan, options), { mountNamespacePid: null }),
  });
}

function withChanges<T extends object>(target: T, changes: Partial<T>): T {
  return new Proxy(target, {
    get: (_, key) => {
      if (Object.hasOwn(changes, key)) return changes[key as keyof T];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
