// Where a container of `virtc run` or `virtc create` runs: in a pod of its own, or in one that is there.
import type { AbortOptions, ContainerOptions } from '../../../model/options.js';
import type { Container, Pod, Runtime } from '../../../model/pod.js';
import { findPod, madeForLabel } from '../containers/find.js';
import type { RunRequest } from './run-request.js';

/** What is made for a container, and taken back with it. */
export interface RunPlace {
  /** What would be left if it could not be taken back. */
  readonly noun: 'pod' | 'container';
  /** Undefined before `enter`. */
  readonly pod: Pod | undefined;
  /** Makes the pod, or finds it. */
  enter(options: AbortOptions): Promise<void>;
  createContainer(options: ContainerOptions): Promise<Container>;
  /** Removes what was made; nothing where nothing was. */
  leave(): Promise<void>;
}

/** @param detached whether a pod that is made outlives this process */
export function runPlace(
  runtime: Pick<Runtime, 'createPod' | 'openPod' | 'listPods'>,
  request: RunRequest,
  { detached = false }: { readonly detached?: boolean } = {},
): RunPlace {
  const { inPod } = request;
  let pod: Pod | undefined;
  let container: Container | undefined;
  const labels = { ...request.pod.labels, [madeForLabel]: request.container.id ?? '' };
  const own = { detached: true, labels };
  return {
    noun: inPod === null ? 'pod' : 'container',
    get pod() {
      return pod;
    },
    enter: async (options) => {
      if (inPod === null) {
        pod = await runtime.createPod({ ...request.pod, ...(detached ? own : {}), ...options });
      } else {
        const { id } = findPod(await runtime.listPods(), inPod, 'run in');
        pod = await runtime.openPod(id, options);
      }
    },
    createContainer: async (options) => {
      if (pod === undefined) throw new Error('nothing was entered');
      container = await pod.createContainer(options);
      return container;
    },
    leave: async () => {
      if (inPod === null) await pod?.delete({ force: true });
      else await container?.delete({ force: true });
    },
  };
}
