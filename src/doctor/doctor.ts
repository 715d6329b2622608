// Looks at everything that pods need on this host, without booting one.
import path from 'node:path';
import { type IsolationSupport, probeIsolation } from '../base/namespaces/jail.js';
import type { RuntimeConfig } from '../config.js';
import { createRuntime } from '../create-runtime.js';
import type { Accelerator } from '../host/hypervisor/hypervisor.js';
import { QemuHypervisor } from '../host/hypervisor/qemu/qemu-hypervisor.js';
import { qemuProgram, qemuVersion } from '../host/hypervisor/qemu/qemu-version.js';
import type { PodListEntry } from '../model/pod.js';
import type { TemplateInfo } from '../model/template.js';
import { tryCgroups } from './cgroup-trial.js';
import { type Check, type Finding, runCheck, warn } from './check.js';
import {
  checkDirectory,
  directoryFacts,
  libRootNeeds,
  nearestExisting,
  runRootNeeds,
} from './directories.js';
import { checkGuestImage } from './guest-image.js';
import { checkAccelerator, checkCgroups, checkNamespaces } from './isolation.js';
import { checkLeftovers } from './leftovers.js';
import { checkNode, checkPlatform, checkQemu, checkRoot, checkTools } from './programs.js';
import { checkTemplates } from './templates.js';

export type { Check, CheckStatus } from './check.js';

type Work = () => Finding | Promise<Finding>;

/** Makes every check, in the order in which they depend on each other; never rejects. */
export async function checkHost(config: RuntimeConfig): Promise<readonly Check[]> {
  const isRoot = process.getuid?.() === 0;
  const asRoot =
    (work: Work): Work =>
    () =>
      isRoot ? work() : warn('only root can find out');
  const checks: readonly (readonly [name: string, work: Work])[] = [
    ['platform', () => checkPlatform(process.platform, process.arch)],
    ['node', () => checkNode(process.versions.node)],
    ['root', () => checkRoot(process.getuid?.())],
    ['qemu', async () => checkQemu(qemuProgram, await qemuVersion(qemuProgram))],
    ['tools', () => checkTools()],
    ['guest-image', () => checkGuestImage(config)],
    ['accelerator', async () => checkAccelerator(await acceleratorOf(config))],
    ['namespaces', asRoot(async () => checkNamespaces(await isolationOf(config)))],
    ['cgroups', asRoot(async () => checkCgroups(await tryCgroups()))],
    ['run-root', async () => checkDirectory(await directoryFacts(config.runRoot), runRootNeeds)],
    ['lib-root', async () => checkDirectory(await directoryFacts(config.libRoot), libRootNeeds)],
    [
      'templates',
      asRoot(async () => checkTemplates(config.defaults.template, await templatesOf(config))),
    ],
    ['leftovers', asRoot(async () => checkLeftovers(await podsOf(config)))],
  ];
  const results: Check[] = [];
  for (const [name, work] of checks) results.push(await runCheck(name, work));
  return results;
}

function acceleratorOf({ runRoot, accelerator }: RuntimeConfig): Promise<Accelerator> {
  const cacheDirectory = path.join(runRoot, 'cache');
  return new QemuHypervisor({ runRoot, logRoot: null, cacheDirectory }).accelerator(accelerator);
}

// Of the file system that root file systems and images usually lie on.
function isolationOf({ libRoot }: RuntimeConfig): Promise<IsolationSupport> {
  return probeIsolation([nearestExisting(libRoot)]);
}

/** Those that a runtime of this configuration has, none where it uses none; no file is read again. */
async function templatesOf(config: RuntimeConfig): Promise<readonly TemplateInfo[]> {
  const { runRoot, libRoot, guestImage, accelerator, defaults } = config;
  if (!defaults.template) return [];
  const image = guestImage === null ? {} : { guestImage };
  const options = { runRoot, libRoot, ...image, accelerator, template: true, configFile: '' };
  return await createRuntime(options).templates.list();
}

/** The pods there; no file is read again, which may say something else than the one that was asked for. */
export function podsOf({
  runRoot,
  libRoot,
}: Pick<RuntimeConfig, 'runRoot' | 'libRoot'>): Promise<readonly PodListEntry[]> {
  return createRuntime({ runRoot, libRoot, configFile: '' }).listPods();
}
