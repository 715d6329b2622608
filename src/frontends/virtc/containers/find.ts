// Finds containers and pods by what people write: a whole name, or the beginning of only one.
import { VirtcontainersError } from '../../../base/errors.js';
import { printable } from '../../../base/untrusted-text.js';
import { nearest } from '../../../model/parse/nearest.js';
import type {
  Container,
  ContainerStatus,
  PodListEntry,
  PodStatus,
  Runtime,
} from '../../../model/pod.js';

/** A container and the pod that it is in, as the records say. */
export interface FoundContainer {
  readonly container: ContainerStatus;
  readonly pod: PodStatus;
}

/** Every container of some pods, the newest first, as docker lists them. */
export function containersOf(pods: readonly PodListEntry[]): readonly FoundContainer[] {
  return readable(pods)
    .flatMap((pod) => pod.containers.map((container) => ({ container, pod })))
    .sort(({ container: a }, { container: b }) => {
      if (a.createdAt === b.createdAt) return 0;
      return a.createdAt < b.createdAt ? 1 : -1;
    });
}

/** The pods whose records can be read. */
export function readable(pods: readonly PodListEntry[]): readonly PodStatus[] {
  return pods.filter((pod): pod is PodStatus => !('error' in pod));
}

/**
 * @param doing for the message: `stop` gives `cannot stop container web: …`
 * @throws VirtcontainersError `not-found`; `invalid-argument` where it is the beginning of several
 */
export function findContainer(
  pods: readonly PodListEntry[],
  name: string,
  doing: string,
): FoundContainer {
  const all = containersOf(pods).map((found) => [found.container.id, found] as const);
  return findIn(all, name, { doing, noun: 'container', list: 'virtc ps -a lists all' });
}

/** As `findContainer`, of a pod; one whose record is damaged is found, too. */
export function findPod(pods: readonly PodListEntry[], name: string, doing: string): PodListEntry {
  const all = pods.map((pod) => [pod.id, pod] as const);
  return findIn(all, name, { doing, noun: 'pod', list: 'virtc pod ls lists all' });
}

/** The container itself, through whoever owns its pod. @throws VirtcontainersError */
export async function openContainer(
  runtime: Pick<Runtime, 'openPod'>,
  { container, pod }: FoundContainer,
): Promise<Container> {
  return (await runtime.openPod(pod.id)).container(container.id);
}

/** The label of a pod that was made for a container, and goes with the last one in it. */
export const madeForLabel = 'virtc.made-for';

/** Whether a pod was made for a container, by `run -d` or `create`; else somebody has made it for itself. */
export function isMadeForContainer({ labels }: PodStatus): boolean {
  return Object.hasOwn(labels, madeForLabel);
}

function findIn<T>(
  all: readonly (readonly [string, T])[],
  name: string,
  words: { readonly doing: string; readonly noun: string; readonly list: string },
): T {
  const { doing, noun, list } = words;
  const what = `cannot ${doing} ${noun} ${printable(name, 200)}`;
  const whole = all.find(([id]) => id === name);
  if (whole !== undefined) return whole[1];
  const begun = name === '' ? [] : all.filter(([id]) => id.startsWith(name));
  const [first, second] = begun;
  if (first !== undefined && second === undefined) return first[1];
  if (first !== undefined) {
    const some = begun.slice(0, 3).map(([id]) => id);
    const rest = begun.length > some.length ? ', …' : '';
    throw new VirtcontainersError(
      'invalid-argument',
      `${what}: ${begun.length} names begin so: ${some.join(', ')}${rest}`,
      { hint: 'write more of it', details: { reason: 'ambiguous-name' } },
    );
  }
  const meant = nearest(
    name,
    all.map(([id]) => id),
  );
  throw new VirtcontainersError('not-found', `${what}: no such ${noun}`, {
    hint: meant === undefined ? list : `did you mean ${meant}?`,
  });
}
