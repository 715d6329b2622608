// Tells what creating a pod and its containers would make, by the same plans, and makes nothing.
import { VirtcontainersError } from '../base/errors.js';
import type { ContainerConfig } from '../model/container-config.js';
import type { PlannedBind, PlannedContainer, PlannedPod } from '../model/planned-pod.js';
import type { PodConfig } from '../model/pod-config.js';
import { doing } from './errors.js';
import type { Mechanisms } from './mechanisms.js';
import { fitHost } from './plan/fit-host.js';
import type { PlannedExport } from './plan/plan.js';
import { planGuest } from './plan/plan-guest.js';
import { planPod } from './plan/plan-pod.js';
import { planVm } from './plan/plan-vm.js';

/** @throws VirtcontainersError what `createPod` and `createContainer` would say before they begin */
export async function describePod(
  mechanisms: Mechanisms,
  config: PodConfig,
  containers: readonly ContainerConfig[],
): Promise<PlannedPod> {
  const { host, hypervisor } = mechanisms;
  const plan = planPod(config, host);
  const planned = containers.map((container, index) => {
    const what = `cannot create container ${container.id}`;
    if (containers.findIndex(({ id }) => id === container.id) < index) {
      throw new VirtcontainersError(
        'already-exists',
        `${what}: pod ${config.id} has one of that id`,
      );
    }
    return toPlanned(what, container, config.hostname);
  });
  // One after the other, as they would be created: the first for which there is no room is named.
  const resources = containers.map((container) => container.resources);
  const sizes = containers.map(({ id }, index) =>
    fitHost(
      `cannot create container ${id}`,
      { pod: config, containers: resources.slice(0, index + 1) },
      host,
    ),
  );
  const { vmPlan, vm } = await doing(`cannot create pod ${config.id}`, async () => {
    const made = planVm(plan, await mechanisms.openImage(), mechanisms);
    return { vmPlan: made, vm: await hypervisor.describe(made) };
  });
  return {
    id: config.id,
    hostname: plan.hostname,
    runDirectory: vmPlan.runDirectory,
    guestImage: vmPlan.image.directory,
    accelerator: vm.accelerator,
    vm: {
      boot: plan.boot,
      size: sizes.at(-1) ?? plan.size,
      max: plan.max,
      argv: vm.argv,
      jail: vm.jail,
    },
    shares: vmPlan.shares,
    containers: planned,
  };
}

function toPlanned(what: string, config: ContainerConfig, podHostname: string): PlannedContainer {
  const { root, discardWrites, exports, spec } = planGuest(what, config, podHostname);
  return {
    id: config.id,
    root: toBind(root),
    discardWrites,
    binds: exports.map(toBind),
    spec: { ...spec },
  };
}

function toBind({ source, destination, readOnly, cached }: PlannedExport): PlannedBind {
  return { source, destination, readOnly, cached };
}
