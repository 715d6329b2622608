// What `virtc run` plans before it begins, and all that `--dry-run` then does.
import type { PlannedPod } from '../../../model/planned-pod.js';
import type { Runtime } from '../../../model/pod.js';
import { badFlag, isJson } from '../flag-values.js';
import type { RunFlags, RunRequest } from './run-request.js';
import type { Terminal } from './terminal.js';

/** How the plan is to be printed; null where it is to be carried out. @throws VirtcontainersError `invalid-argument` */
export function dryRunFormat(flags: RunFlags): 'text' | 'json' | null {
  const { format } = flags;
  const chosen = isJson(format) ? 'json' : 'text';
  if (flags.dryRun === true) return chosen;
  if (format === undefined) return null;
  throw badFlag('--format', format, 'it says how --dry-run prints', {
    hint: "what the command prints is the command's own",
  });
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
