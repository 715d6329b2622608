// A pod's record as what `status` and lists say of it.
import type { ContainerRecord, PodRecord } from '../host/store/store.js';
import type { ContainerStatus, PodStatus } from '../model/pod.js';
import { planSize } from './plan/plan-size.js';

export function toContainerStatus(record: ContainerRecord): ContainerStatus {
  const { config, state, createdAt, startedAt, finishedAt, exit } = record;
  const { command, terminal, stdin } = config.process;
  const rootfs = config.rootfs.path;
  return {
    id: config.id,
    state,
    command,
    terminal: terminal !== null,
    stdin,
    rootfs,
    createdAt,
    startedAt,
    finishedAt,
    exit,
    labels: config.labels,
  };
}

/** @param ownerAlive without an owner the VM is gone, whatever the record says of its state */
export function toPodStatus(record: PodRecord, ownerAlive: boolean): PodStatus {
  const { config, createdAt, owner, detached, accelerator, origin, containers } = record;
  const living = containers.filter((container) => container.state !== 'stopped');
  const size = planSize(
    `cannot tell the status of pod ${config.id}`,
    config,
    living.map((container) => container.config.resources),
  );
  return {
    id: config.id,
    state: ownerAlive ? record.state : 'stopped',
    createdAt,
    ownerAlive,
    ownerPid: owner.pid,
    detached,
    accelerator,
    origin,
    ...size,
    containers: containers.map((container) => {
      const status = toContainerStatus(container);
      return ownerAlive ? status : { ...status, state: 'stopped' };
    }),
    labels: config.labels,
  };
}
