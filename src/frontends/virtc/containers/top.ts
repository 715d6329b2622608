// `virtc top`: what runs in a container.
import { printable } from '../../../base/untrusted-text.js';
import type { ProcessInfo } from '../../../model/usage.js';
import { isJson } from '../flag-values.js';
import type { CommonFlags } from '../settings.js';
import { formatTable } from '../table.js';
import type { VerbContext } from './context.js';
import { openContainer } from './find.js';
import { look, requireDockerState } from './owned.js';

const head = ['UID', 'PID', 'PPID', 'STAT', 'ELAPSED', 'CMD'];
/** As ps of the host shows states. */
const letters: Readonly<Record<ProcessInfo['state'], string>> = {
  running: 'R',
  sleeping: 'S',
  blocked: 'D',
  stopped: 'T',
  zombie: 'Z',
  other: '?',
};

/** Resolves with the exit code. @throws VirtcontainersError where the container is not there or does not run */
export async function top(
  name: string,
  flags: CommonFlags,
  { runtime, streams }: VerbContext,
): Promise<number> {
  const json = isJson(flags.format);
  const found = await look(runtime, name, 'list the processes of');
  const { id } = found.container;
  const what = `cannot list the processes of container ${id}`;
  requireDockerState(found, what, ['running', 'paused']);
  const { processes, total } = await (await openContainer(runtime, found)).processes();
  if (json) {
    streams.stdout.write(`${JSON.stringify(processes, null, 2)}\n`);
  } else {
    streams.stdout.write(formatTable(head, processes.map(toRow)));
  }
  const missing = total - processes.length;
  if (missing > 0) {
    streams.stderr.write(printable(`virtc: ${missing} more processes are not shown`, 200));
    streams.stderr.write('\n');
  }
  return 0;
}

function toRow({ uid, pid, parentPid, state, elapsedMs, command, name }: ProcessInfo) {
  // As ps does it: what has no command line any more is in brackets.
  const text = command.length === 0 ? `[${name}]` : command.join(' ');
  return [String(uid), String(pid), String(parentPid), letters[state], toClock(elapsedMs), text];
}

/** `02:03:04`, with `5-` before it for days: as ps has it. */
function toClock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (number: number): string => String(number).padStart(2, '0');
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor(seconds / 3600) % 24;
  const clock = `${two(hours)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return days === 0 ? clock : `${days}-${clock}`;
}
