// Collects what must be undone if a sequence of steps fails, and undoes it in reverse.
import { isVirtcontainersError, reasonOf, withDetails } from './errors.js';

type UndoStep = { readonly what: string; readonly run: () => Promise<void> | void };

/**
 * A stack of clean-up steps. Use `run` around the steps:
 * on success the steps are kept by the caller's record, on failure they run in reverse order and
 * the error that comes out lists each clean-up that failed in `details.failedCleanups`.
 */
export class Undo {
  readonly #steps: UndoStep[] = [];

  /** Adds a step that undoes what has just been done. */
  add(what: string, run: () => Promise<void> | void): void {
    this.#steps.push({ what, run });
  }

  /** Runs the steps in reverse; returns what failed as text. Safe to call twice. */
  async unwind(): Promise<readonly string[]> {
    const failures: string[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.run();
      } catch (error) {
        failures.push(`${step.what}: ${reasonOf(error)}`);
      }
    }
    return failures;
  }

  /** Carries out `steps`; if they fail, everything added so far is undone before the error is thrown. */
  static async run<T>(steps: (undo: Undo) => Promise<T>): Promise<T> {
    const undo = new Undo();
    try {
      return await steps(undo);
    } catch (error) {
      const failed = await undo.unwind();
      if (failed.length === 0) throw error;
      // Steps may themselves be such sequences, of which something is left.
      const before = isVirtcontainersError(error) ? error.details['failedCleanups'] : undefined;
      const failedCleanups = [...(Array.isArray(before) ? before : []), ...failed];
      throw withDetails(error, { failedCleanups });
    }
  }
}
