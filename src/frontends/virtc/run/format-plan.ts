// `virtc run --dry-run`: what would be made, as text for people.
import { printable } from '../../../base/untrusted-text.js';
import type { PlannedBind, PlannedContainer, PlannedPod } from '../../../model/planned-pod.js';
import { shellLines } from './shell-words.js';

/** The plan as lines, with a newline at its end. */
export function formatPlan(plan: PlannedPod): string {
  const { vm, accelerator } = plan;
  const lines = [
    `pod ${plan.id}`,
    ...table([
      ['host name', plan.hostname],
      ['directory', plan.runDirectory],
      ['guest image', plan.guestImage],
      ['accelerator', `${accelerator.kind}: ${accelerator.reason}`],
      ['size', sizeText(vm)],
    ]),
    ...['', 'jail'],
    ...table(jailRows(vm.jail)),
    ...['', 'QEMU, in its jail'],
    ...shellLines(vm.argv).map(indent),
    ...plan.containers.flatMap((container) => containerLines(container, plan)),
  ];
  // Paths and host names are the caller's own, but may come from elsewhere.
  return `${lines.map((line) => printable(line, Number.POSITIVE_INFINITY)).join('\n')}\n`;
}

function sizeText({ boot, size }: PlannedPod['vm']): string {
  const cpus = size.cpus - boot.cpus;
  const memoryMiB = size.memoryMiB - boot.memoryMiB;
  const added = [
    ...(cpus > 0 ? [processors(cpus)] : []),
    ...(memoryMiB > 0 ? [`${memoryMiB} MiB`] : []),
  ];
  const start = `${processors(boot.cpus)} and ${boot.memoryMiB} MiB`;
  return added.length === 0 ? start : `${start} at boot, then ${added.join(' and ')} added`;
}

const processors = (count: number): string => `${count} processor${count === 1 ? '' : 's'}`;

function jailRows(jail: PlannedPod['vm']['jail']): [string, string][] {
  const { hostUid, uid } = jail.user;
  const list = (values: readonly string[]): string => values.join(' ') || 'none';
  return [
    ['user', hostUid === uid ? `${uid}` : `${hostUid}, which is ${uid} in its user namespace`],
    ['namespaces', list(jail.namespaces)],
    ['capabilities', list(jail.capabilities)],
    ['working directory', jail.workingDirectory],
    ['read-only', list(jail.readOnlyBinds)],
    ['writable', list(jail.writableBinds)],
    ['mount points', list(jail.exports)],
    ['open files', list(jail.inherited)],
    ['devices', list(jail.devices)],
  ];
}

function containerLines(container: PlannedContainer, plan: PlannedPod): readonly string[] {
  const { id, root, binds, discardWrites, spec } = container;
  const writes = discardWrites ? "writes go to the VM's memory" : 'writes change it';
  return [
    ...['', `container ${id}: what the VM sees of the host (${tagsOf(plan)})`],
    ...table([
      ['/', `${bindText(root)}; ${writes}`],
      ...binds.map((bind): [string, string] => [bind.destination, bindText(bind)]),
    ]),
    ...['', `container ${id}: its OCI specification for the guest`],
    ...JSON.stringify(spec, null, 2).split('\n').map(indent),
  ];
}

const tagsOf = ({ shares }: PlannedPod): string => shares.map(({ tag }) => tag).join(', ');

function bindText({ source, readOnly, cached }: PlannedBind): string {
  return [source, readOnly ? 'read-only' : 'writable', ...(cached ? ['cached'] : [])].join(', ');
}

/** Names and values, the values below each other. */
function table(rows: readonly [string, string][]): readonly string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => indent(`${name.padEnd(width)}  ${value}`));
}

const indent = (line: string): string => `  ${line}`;
