// Ends a command that has run for as long as `--timeout` allows.
import type { Container } from '../../../model/pod.js';
import { exitCodes } from '../report.js';
import type { Interrupts } from './interrupts.js';

/** How long the output of an ended command may take to be read, in milliseconds: a stuck reader shall not undo the limit. */
const lastWordsMs = 10_000;

export interface TimeLimit {
  /** The command has ended: a time that is not over will not be. @returns whether it was over */
  ended(): boolean;
  /** Nothing more happens. */
  close(): void;
}

/**
 * Begins to count. When the time is over all of the container's processes are ended (stop signal, grace, SIGKILL); what does not
 * end by that ends with its VM.
 */
export function limitTime(
  container: Pick<Container, 'stop'>,
  request: { readonly timeoutMs: number | null },
  run: { readonly interrupts: Interrupts; readonly onTimedOut: () => void },
): TimeLimit {
  const { interrupts } = run;
  let over = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const giveUp = (): void => interrupts.end(exitCodes.timedOut);
  const end = async (): Promise<void> => {
    over = true;
    run.onTimedOut();
    try {
      await container.stop({ signal: interrupts.signal });
    } catch {
      // Its VM does not answer: the pod's end is what is left.
      if (!closed) giveUp();
      return;
    }
    if (!closed) timer = setTimeout(giveUp, lastWordsMs);
  };
  if (request.timeoutMs !== null) timer = setTimeout(() => void end(), request.timeoutMs);
  return {
    ended: () => {
      if (!over) clearTimeout(timer);
      return over;
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}
