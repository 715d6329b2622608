// The figures that SPECIFICATION.md promises, by the rows' names, and whether a run holds them.
import { type Row, statistics } from './figures.js';

export interface Target {
  readonly must: number;
  readonly aim: number;
  /** The figure counts beyond this row's. */
  readonly over?: string;
  /** More is better. */
  readonly rising?: true;
}

export const targets: Readonly<Record<string, Target>> = {
  'cold start: createPod and container to first byte': {
    must: 2000,
    aim: 1000,
    over: 'floor: raw cold boot',
  },
  'clone: createPod and container to first byte': { must: 400, aim: 250 },
  'clone: whole virtc run to first byte': { must: 600, aim: 450 },
  // Without a bound of its own: a pod that waits costs memory, and must be worth it.
  'waiting clone: createPod and container to first byte': { must: 400, aim: 120 },
  'clones at once: 20 pods, all have printed': { must: 12_000, aim: 8000 },
  'memory that a cloned pod adds at 20 pods': { must: 64, aim: 48 },
  'exec of true': { must: 250, aim: 120 },
  'exec of true beside a full stream': { must: 400, aim: 250 },
  'stdout throughput': { must: 10, aim: 20, rising: true },
  'python3 -c pass, discard, first': { must: 3000, aim: 1000 },
  'python3 -c pass, discard, second': { must: 800, aim: 500 },
  'jailed QEMU to QMP': { must: 45, aim: 15, over: 'floor: bare QEMU to QMP' },
  'stop and delete, ended by SIGTERM': { must: 300, aim: 150 },
  'exec of true in a detached pod': { must: 250, aim: 120 },
  'virtc ps, one pod': { must: 80, aim: 50, over: 'floor: node -e 0' },
  'virtc version': { must: 80, aim: 50, over: 'floor: node -e 0' },
  'virtc run of a bad flag': { must: 80, aim: 50, over: 'floor: node -e 0' },
};

export type Verdict = 'aim met' | 'must met' | 'missed';

export interface Judged {
  readonly row: Row;
  readonly target?: Target;
  /** The median, beyond the floor where the target says so. */
  readonly judged?: number;
  readonly verdict?: Verdict;
}

/** Puts each row beside its target; one whose floor was not measured gets no verdict. */
export function judge(rows: readonly Row[]): readonly Judged[] {
  return rows.map((row) => {
    const target = targets[row.name];
    if (target === undefined) return { row };
    const floor = target.over === undefined ? 0 : medianOf(rows, target.over);
    if (floor === undefined) return { row, target };
    const judged = statistics(row.samples).median - floor;
    return { row, target, judged, verdict: verdictOf(judged, target) };
  });
}

function medianOf(rows: readonly Row[], name: string): number | undefined {
  const row = rows.find((candidate) => candidate.name === name);
  return row === undefined ? undefined : statistics(row.samples).median;
}

function verdictOf(value: number, { must, aim, rising }: Target): Verdict {
  const holds = (bound: number): boolean => (rising ? value >= bound : value <= bound);
  if (holds(aim)) return 'aim met';
  return holds(must) ? 'must met' : 'missed';
}
