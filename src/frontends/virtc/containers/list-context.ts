// What the verbs that read records alone work with: no more than those records, so that they begin at once.
import { listPods } from '../../../list-pods.js';
import type { Runtime } from '../../../model/pod.js';
import { type CommonFlags, runtimeOptionsOf } from '../settings.js';
import type { Streams } from './context.js';

export interface ListContext {
  readonly runtime: Pick<Runtime, 'listPods'>;
  readonly streams: Streams;
}

/** For this process and its flags. */
export function listContext(flags: CommonFlags): ListContext {
  const options = runtimeOptionsOf(flags);
  return { runtime: { listPods: () => listPods(options) }, streams: process };
}
