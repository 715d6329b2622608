// The composition root: the only file that names QEMU, 9p, the file store and the ttrpc agent together.
import path from 'node:path';
import { VirtcontainersError } from './base/errors.js';
import { silentLogger } from './base/log.js';
import { span } from './base/trace/span.js';
import { version } from './base/version.js';
import { loadRuntimeConfig, toRuntimeConfig, withAbsolutePaths } from './config.js';
import { defaultWarmPods } from './model/defaults.js';
import type { RuntimeOptions } from './model/options.js';
import type { Runtime } from './model/pod.js';
import { LocalRuntime } from './pod/local-runtime.js';
import type { Mechanisms } from './pod/mechanisms.js';

/**
 * Makes a runtime: the pods of one run root. Nothing is touched before its first use.
 * @throws VirtcontainersError `invalid-argument` for an unknown or malformed option
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  const isRoot = process.getuid?.() === 0;
  // Mistakes in options and environment are told here; files are read at first use.
  toRuntimeConfig({ options, environment: process.env, isRoot });
  const given = withAbsolutePaths({ options, environment: process.env });
  return new LocalRuntime(
    () => span('load-mechanisms', () => loadMechanisms(given.options, given.environment, isRoot)),
    { warm: options.warm ?? defaultWarmPods },
  );
}

// Imported at first use: whoever imports the library may never make a pod.
async function loadMechanisms(
  options: RuntimeOptions,
  environment: Readonly<Record<string, string | undefined>>,
  isRoot: boolean,
): Promise<Mechanisms> {
  if (!isRoot) {
    throw new VirtcontainersError('unsupported', 'cannot use pods: this process is not root', {
      hint: 'run it as root: the jail of a VM is made with namespaces, mounts and another user',
    });
  }
  const [qemu, share, store, templates, agent, images, processes, size] = await Promise.all([
    import('./host/hypervisor/qemu/qemu-hypervisor.js'),
    import('./host/share/ninep-share.js'),
    import('./host/store/file-store.js'),
    import('./host/templates/file-templates.js'),
    import('./host/agent/ttrpc-agent-connector.js'),
    import('./host/images/guest-image.js'),
    import('./base/process-handle.js'),
    import('./base/host-size.js'),
  ]);
  const config = await loadRuntimeConfig(options, environment, isRoot);
  const { runRoot, libRoot, guestImage, accelerator, defaults } = config;
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
    agents: new agent.TtrpcAgentConnector({ version }),
    openImage: () => images.openGuestImage({ libRoot, path: guestImage ?? undefined }),
    accelerator,
    defaults,
    host: size.hostSize(),
    owner,
    log: options.logger ?? silentLogger,
    onProgress: options.onProgress,
    onWarning: options.onWarning,
  };
}
