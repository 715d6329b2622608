// `virtc inspect`: all that the records say of containers and pods, as JSON of docker's shape or by a template.
import { isVirtcontainersError, reasonOf, VirtcontainersError } from '../../../base/errors.js';
import { printable } from '../../../base/untrusted-text.js';
import type { PodListEntry } from '../../../model/pod.js';
import { didYouMean, toChoice } from '../flag-values.js';
import { parseTemplate } from '../listing/go-template.js';
import { exitCodes } from '../report.js';
import type { CommonFlags } from '../settings.js';
import { type FoundContainer, findContainer, findPod } from './find.js';
import type { ListContext } from './list-context.js';
import { dockerState } from './rows.js';

export interface InspectFlags extends CommonFlags {
  readonly type?: string;
}

type Document = Readonly<Record<string, unknown>>;
export type Find = (pods: readonly PodListEntry[], name: string) => Document;

/** Of a container, or else of a pod of that name. Resolves with the exit code: 1 if one was not found. */
export function inspect(
  names: readonly string[],
  flags: InspectFlags,
  context: ListContext,
): Promise<number> {
  const type = toChoice('--type', flags.type, ['container', 'pod']);
  return inspectAll(names, flags, context, (pods, name) => {
    if (type === 'pod') return toPodDocument(findPod(pods, name, 'inspect'));
    try {
      return toDocument(findContainer(pods, name, 'inspect'));
    } catch (error) {
      if (type === 'container' || !isNotFound(error)) throw error;
      const isPod = pods.some(({ id }) => id.startsWith(name));
      if (isPod) return toPodDocument(findPod(pods, name, 'inspect'));
      const names = pods.flatMap((pod) => [pod.id, ...containerIds(pod)]);
      throw new VirtcontainersError(
        'not-found',
        `cannot inspect ${printable(name, 200)}: no such container or pod`,
        didYouMean(name, names, 'virtc ps -a and virtc pod ls list all'),
      );
    }
  });
}

/** Prints what was found as one array, or each by the template; tells what was not. */
export async function inspectAll(
  names: readonly string[],
  flags: CommonFlags,
  { runtime, streams }: ListContext,
  find: Find,
): Promise<number> {
  const { format } = flags;
  const isJson = format === undefined || format === '' || format === 'json';
  const template = isJson ? null : parseTemplate(format, null);
  const pods = await runtime.listPods();
  const found: Document[] = [];
  let code = 0;
  for (const name of names) {
    try {
      found.push(find(pods, name));
    } catch (error) {
      if (!isVirtcontainersError(error)) throw error;
      code = exitCodes.found;
      streams.stderr.write(`${printable(`virtc: ${reasonOf(error)}`, 4096)}\n`);
      if (error.hint !== undefined) streams.stderr.write(`hint: ${printable(error.hint, 4096)}\n`);
    }
  }
  if (template === null) {
    streams.stdout.write(`${JSON.stringify(found, null, 4)}\n`);
  } else {
    for (const one of found) streams.stdout.write(`${printable(template(one), 64 * 1024)}\n`);
  }
  return code;
}

/** What docker calls no time. */
const noTime = '0001-01-01T00:00:00Z';

function toDocument(found: FoundContainer): Document {
  const { container, pod } = found;
  const { id, command, createdAt, startedAt, finishedAt, exit, labels, rootfs } = container;
  const [program = '', ...args] = command;
  const state = dockerState(found);
  return {
    Id: id,
    Created: createdAt,
    Path: program,
    Args: args,
    State: {
      Status: state,
      // As docker says it: what is paused runs, too.
      Running: state === 'running' || state === 'paused',
      Paused: state === 'paused',
      Restarting: false,
      OOMKilled: exit?.reason === 'oom',
      Dead: state === 'dead',
      // Null where nobody knows it: its VM has ended under it, or it has not.
      ExitCode: exit?.code ?? (state === 'exited' || state === 'dead' ? null : 0),
      Signal: exit?.signal ?? null,
      StartedAt: startedAt ?? noTime,
      FinishedAt: finishedAt ?? noTime,
    },
    Image: rootfs,
    Name: `/${id}`,
    Config: {
      Cmd: command,
      Tty: container.terminal,
      OpenStdin: container.stdin,
      Labels: labels,
    },
    Pod: toPodDocument(pod),
  };
}

/** A pod as the library tells it, without its containers' documents. */
export function toPodDocument(pod: PodListEntry): Document {
  if ('error' in pod) return { Id: pod.id, Error: pod.error };
  return {
    Id: pod.id,
    Created: pod.createdAt,
    State: pod.ownerAlive ? pod.state : 'dead',
    Detached: pod.detached,
    OwnerPid: pod.ownerPid,
    Accelerator: pod.accelerator,
    Origin: pod.origin,
    Cpus: pod.cpus,
    MemoryMiB: pod.memoryMiB,
    Labels: pod.labels,
    Containers: pod.containers.map(({ id, state }) => ({ Id: id, Name: id, State: state })),
  };
}

function containerIds(pod: PodListEntry): readonly string[] {
  return 'error' in pod ? [] : pod.containers.map(({ id }) => id);
}

function isNotFound(error: unknown): boolean {
  return isVirtcontainersError(error) && error.code === 'not-found';
}
