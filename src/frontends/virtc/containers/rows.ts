// Containers as docker's ps shows them: their state in words, and the fields of a row.

import { toSince } from '../listing/docker-time.js';
import type { Fields } from '../listing/go-template.js';
import type { Listing } from '../listing/print-rows.js';
import type { FoundContainer } from './find.js';

/** docker's words for the states of a container; `dead`: its pod's owner is, and what is left can only be removed. */
export const dockerStates = ['created', 'running', 'paused', 'exited', 'dead'] as const;
export type DockerState = (typeof dockerStates)[number];

/** How much of an id is shown: docker's. */
export const shortIdLength = 12;
/** How much of a command is shown: docker's. */
const shortCommandLength = 20;

/** The columns of `ps`, and what a template can name beside them. */
export const containerListing: Listing = {
  columns: [
    ['CONTAINER ID', 'ID'],
    ['IMAGE', 'Image'],
    ['COMMAND', 'Command'],
    ['CREATED', 'RunningFor'],
    ['STATUS', 'Status'],
    ['PORTS', 'Ports'],
    ['NAMES', 'Names'],
  ],
  heads: { CreatedAt: 'CREATED AT', Label: 'LABEL' },
  names: [
    ...['ID', 'Names', 'Image', 'Command', 'CreatedAt', 'RunningFor', 'Ports', 'State', 'Status'],
    ...['Labels', 'Mounts', 'Networks', 'Size', 'LocalVolumes', 'Pod'],
  ],
};

export function dockerState({ container, pod }: FoundContainer): DockerState {
  if (!pod.ownerAlive) return 'dead';
  switch (container.state) {
    case 'ready':
      return 'created';
    case 'running':
      // A pod that stands still has its containers stand still.
      return pod.state === 'paused' ? 'paused' : 'running';
    case 'paused':
      return 'paused';
    case 'stopped':
      return 'exited';
  }
}

/** `Up 2 minutes`, `Exited (0) 3 hours ago`. */
export function toStatus(found: FoundContainer, nowMs: number): string {
  const { startedAt, finishedAt, exit } = found.container;
  switch (dockerState(found)) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${toSince(startedAt, nowMs)}`;
    case 'paused':
      return `Up ${toSince(startedAt, nowMs)} (Paused)`;
    case 'dead':
      return 'Dead';
    case 'exited': {
      // Null where its VM ended under it: nobody knows the code.
      const code = exit === null ? '' : ` (${exit.code})`;
      const since = toSince(finishedAt, nowMs);
      return `Exited${code}${since === '' ? '' : ` ${since} ago`}`;
    }
  }
}

/** @param short whether ids and commands are cut */
export function toRow(
  found: FoundContainer,
  { nowMs, short }: { readonly nowMs: number; readonly short: boolean },
): Fields {
  const { id, rootfs, command, createdAt, labels } = found.container;
  return {
    Command: toCommand(command, short),
    CreatedAt: createdAt,
    ID: short ? id.slice(0, shortIdLength) : id,
    Image: rootfs,
    Labels: Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(','),
    LabelsObject: labels,
    LocalVolumes: '0',
    Mounts: '',
    Names: id,
    Networks: 'none',
    Pod: found.pod.id,
    Ports: '',
    RunningFor: `${toSince(createdAt, nowMs)} ago`,
    Size: '',
    State: dockerState(found),
    Status: toStatus(found, nowMs),
  };
}

function toCommand(command: readonly string[], short: boolean): string {
  const text = command.join(' ');
  const characters = [...text];
  const cut =
    short && characters.length > shortCommandLength
      ? `${characters.slice(0, shortCommandLength - 1).join('')}…`
      : text;
  return `"${cut}"`;
}
