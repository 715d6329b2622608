// Makes a container that outlives the command: of `virtc run -d` and `virtc create`.
import { hasLeftovers } from '../../../base/errors.js';
import { Undo } from '../../../base/undo.js';
import type { Runtime } from '../../../model/pod.js';
import { Interrupts, type SignalSource } from './interrupts.js';
import { runPlace } from './run-place.js';
import type { RunRequest } from './run-request.js';
import type { Terminal } from './terminal.js';

export interface DetachedContext {
  readonly runtime: Runtime;
  readonly signals: SignalSource;
  /** For the size that a terminal has until somebody attaches to it. */
  readonly terminal: Pick<Terminal, 'size'>;
}

/**
 * Makes it, and starts it where that is wanted. What fails or is ended by a signal leaves nothing behind.
 * @returns its name, or the exit code that a signal asked for
 */
export async function makeDetached(
  request: RunRequest,
  { starts }: { readonly starts: boolean },
  { runtime, signals, terminal }: DetachedContext,
): Promise<string | number> {
  const interrupts = new Interrupts(signals);
  const { signal } = interrupts;
  const place = runPlace(runtime, request, { detached: true });
  try {
    return await Undo.run(async (undo) => {
      undo.add(place.noun, async () => {
        interrupts.close();
        await place.leave();
      });
      await place.enter({ signal });
      const container = await place.createContainer({
        ...request.container,
        ...(request.tty ? { terminal: terminal.size() } : {}),
        signal,
      });
      if (starts) await container.start({ signal });
      return container.id;
    });
  } catch (error) {
    if (interrupts.exitCode !== undefined && !hasLeftovers(error)) return interrupts.exitCode;
    throw error;
  } finally {
    interrupts.dispose();
  }
}
