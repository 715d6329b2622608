// What `virtc run` plans before it begins, and all that `--dry-run` then does.
import type { PlannedPod } from '../../../model/planned-pod.js';
import type { Runtime } from '../../../model/pod.js';
import { isJson } from '../flag-values.js';
import type { CommonFlags } from '../settings.js';
import type { RunFlags, RunRequest } from './run-request.js';
import type { Terminal } from './terminal.js';

/** How the plan is to be printed; null where it is to be carried out. @throws VirtcontainersError `invalid-argument` */
export function dryRunFormat(
  flags: Pick<RunFlags & CommonFlags, 'dryRun' | 'format'>,
): 'text' | 'json' | null {
  const chosen = isJson(flags.format) ? 'json' : 'text';
  return flags.dryRun === true ? chosen : null;
}

/** Plans the pod and its one container, with the terminal that it would get. */
export function planRun(
  runtime: Pick<Runtime, 'planPod'>,
  request: RunRequest,
  terminal: Pick<Terminal, 'size'>,
): Promise<PlannedPod> {
  const { pod, container, tty } = request;
  return runtime.planPod(pod, [{ ...container, ...(tty ? { terminal: terminal.size() } : {}) }]);
}

export function toJson(plan: PlannedPod): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}
