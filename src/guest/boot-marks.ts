// When each phase of the boot was over: what the first program has noted, what Node knows, what the agent has seen.
import { performance } from 'node:perf_hooks';
import { monotonicMs } from '../base/trace/span.js';

/** The end of a phase, in milliseconds of the monotonic clock, which begins with the kernel. */
export interface BootMark {
  readonly name: string;
  readonly atMs: number;
}

/** What the agent has seen itself. */
export interface AgentTimes {
  /** Its code was loaded. */
  readonly loadedMs: number;
  /** It listened for hosts. */
  readonly readyMs: number;
}

/** The phases in their order; `noted` is `kernel=812345;modules=…`, in microseconds. */
export function bootMarks(noted: string | undefined, agent: AgentTimes): readonly BootMark[] {
  const { nodeStart, bootstrapComplete } = performance.nodeTiming;
  const nodeOriginMs = monotonicMs() - performance.now();
  return [
    ...(noted ?? '').split(';').flatMap(toMark),
    { name: 'node-exec', atMs: nodeOriginMs + nodeStart },
    { name: 'node-bootstrap', atMs: nodeOriginMs + bootstrapComplete },
    { name: 'agent-load', atMs: agent.loadedMs },
    { name: 'agent-setup', atMs: agent.readyMs },
  ];
}

function toMark(text: string): readonly BootMark[] {
  const [, name, us] = /^([a-z-]+)=(\d+)$/.exec(text) ?? [];
  return name === undefined ? [] : [{ name, atMs: Number(us) / 1000 }];
}
