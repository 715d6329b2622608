// The composition root: the only file that names QEMU, 9p, the file store and the ttrpc agent together.
import path from 'node:path';
import { VirtcontainersError } from './base/errors.js';
import { silentLogger } from './base/log.js';
import { span } from './base/trace/span.js';
import { version } from './base/version.js';
import {
  loadRuntimeConfig,
  type RuntimeConfig,
  toRuntimeConfig,
  withAbsolutePaths,
} from './config.js';
import { defaultWarmPods } from './model/defaults.js';
import type { RuntimeOptions } from './model/options.js';
import type { Runtime } from './model/pod.js';
import { OwnerRuntime } from './owner/owner-runtime.js';
import { LocalRuntime } from './pod/local-runtime.js';
import type { Mechanisms } from './pod/mechanisms.js';
import { requireRoot } from './pod/require-root.js';

/**
 * Makes a runtime: the pods of one run root. Nothing is touched before its first use.
 * @throws VirtcontainersError `invalid-argument` for an unknown or malformed option
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  const isRoot = process.getuid?.() === 0;
  // Mistakes in options and environment are told here; files are read at first use.
  toRuntimeConfig({ options, environment: process.env, isRoot });
  const given = withAbsolutePaths({ options, environment: process.env });
  const loadConfig = (): Promise<RuntimeConfig> =>
    loadRuntimeConfig(given.options, given.environment, isRoot);
  let config: Promise<RuntimeConfig> | undefined;
  const local = new LocalRuntime(
    () =>
      span('load-mechanisms', async () => {
        requireRoot(isRoot);
        // Read while the mechanisms are loaded; an error of it is theirs.
        config = loadConfig();
        config.catch(() => {});
        return loadMechanisms(config, given.options);
      }),
    { warm: options.warm ?? defaultWarmPods },
  );
  return new OwnerRuntime(local, {
    serve: async (pod, directory) => {
      const { openSockets } = await import('./owner/open-sockets.js');
      return openSockets(pod, { directory, outputs: null });
    },
    connect: async (place) => {
      const { connectPod } = await import('./owner/client/connect-pod.js');
      return connectPod(place);
    },
    startShim: async (pod, hooks) => {
      const { startPodShim } = await import('./owner/shim/start-pod-shim.js');
      const isDebug = given.environment['VIRTC_LOG'] === 'debug';
      const logLevel = isDebug ? 'debug' : 'info';
      const { config: podConfig, template } = pod;
      return startPodShim(
        { config: await (config ?? loadConfig()), pod: podConfig, template, logLevel },
        hooks,
      );
    },
  });
}
/** The runtime of a shim: all is configured already, and its pods are owned for others. */
export function createShimRuntime(config: RuntimeConfig, hooks: Hooks): LocalRuntime {
  requireRoot(process.getuid?.() === 0);
  return new LocalRuntime(() => loadMechanisms(config, hooks), { isShim: true });
}

type Hooks = Pick<RuntimeOptions, 'logger' | 'onProgress' | 'onWarning'> &
  Pick<Mechanisms, 'keepOutput'>;

// Imported at first use: whoever imports the library may never make a pod.
async function loadMechanisms(
  loading: RuntimeConfig | Promise<RuntimeConfig>,
  hooks: Hooks,
): Promise<Mechanisms> {
  const [qemu, share, store, templates, agent, images, processes, size, fileLogs] =
    await Promise.all([
      import('./host/hypervisor/qemu/qemu-hypervisor.js'),
      import('./host/share/ninep-share.js'),
      import('./host/store/file-store.js'),
      import('./host/templates/file-templates.js'),
      import('./host/agent/ttrpc-agent-connector.js'),
      import('./host/images/guest-image.js'),
      import('./base/process-handle.js'),
      import('./base/host-size.js'),
      import('./host/logs/file-logs.js'),
    ]);
  const { runRoot, libRoot, guestImage, accelerator, defaults } = await loading;
  const owner = processes.processHandle(process.pid);
  if (owner === null) {
    throw new VirtcontainersError(
      'unsupported',
      'cannot use pods: /proc does not show this process',
    );
  }
  const logs = path.join(libRoot, 'logs');
  return {
    hypervisor: new qemu.QemuHypervisor({
      runRoot,
      logRoot: logs,
      cacheDirectory: path.join(runRoot, 'cache'),
    }),
    share: new share.NinePShare(),
    store: new store.FileStore({ root: runRoot, logs }),
    templates: new templates.FileTemplates({ root: path.join(libRoot, 'templates') }),
    logs: new fileLogs.FileLogs({ root: logs }),
    agents: new agent.TtrpcAgentConnector({ version }),
    openImage: () => images.openGuestImage({ libRoot, path: guestImage ?? undefined }),
    accelerator,
    defaults,
    host: size.hostSize(),
    owner,
    log: hooks.logger ?? silentLogger,
    onProgress: hooks.onProgress,
    onWarning: hooks.onWarning,
    keepOutput: hooks.keepOutput,
  };
}
