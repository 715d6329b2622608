// What the list of benchmarks is made of.
import type { Row } from './figures.js';
import type { Ground } from './ground.js';

/** Figures that are measured together: those of one pod, or a figure and its floor, in turns. */
export interface Bench {
  /** The names of the rows it gives, by which it is chosen. */
  readonly rows: readonly string[];
  run(ground: Ground): Promise<readonly Row[]>;
}
