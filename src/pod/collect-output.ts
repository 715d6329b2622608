// Waits for a process and collects its output: the result of a command, or what it had printed when something went wrong.
import { StringDecoder } from 'node:string_decoder';
import { waitFor } from '../base/deadline.js';
import { withDetails } from '../base/errors.js';
import { heldOutputMs, killWaitMs } from '../model/limits.js';
import type { ProcessOutput, ProcessResult, UnfinishedResult } from '../model/process-result.js';
import { Collector } from './collector.js';
import type { HeldProcess } from './held-process.js';
import { settlesWithin } from './settle.js';

export interface CollectOptions {
  /** The beginning of an error's message. */
  readonly what: string;
  /** Most that is kept of each stream. */
  readonly maxBufferBytes: number;
  /** Gives up waiting; the process goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Ends what holds the output open after the process has ended; absent means to wait for it. */
  readonly endHolders?: () => Promise<void>;
}

/** @throws VirtcontainersError with the output until then in `details.result` */
export async function collectOutput(
  process: HeldProcess,
  options: CollectOptions,
): Promise<ProcessResult> {
  const { what, maxBufferBytes, signal, endHolders } = options;
  const streams = [process.stdout, process.stderr];
  const collectors = streams.map((stream) => new Collector(stream, maxBufferBytes));
  try {
    const ends = collectors.map((collector) => collector.ended);
    const holders = endHolders === undefined ? null : freeOutput(process, collectors, endHolders);
    // All of them: what a lost or ended process has printed last belongs to its error.
    const all = Promise.allSettled([process.outcome, holders, ...ends]);
    const [outcome, ...others] = await waitFor(all, { what, signal });
    if (outcome.status === 'rejected') throw outcome.reason;
    const demanded = await process.demanded;
    if (demanded !== null) throw demanded;
    for (const other of others) if (other.status === 'rejected') throw other.reason;
    const exit = outcome.value;
    return toOutput(process, collectors, { ...exit, ok: exit.code === 0 });
  } catch (error) {
    const result: UnfinishedResult = toOutput(process, collectors, { exit: process.exit });
    throw withDetails(error, { result });
  } finally {
    for (const collector of collectors) collector.close();
  }
}

// A process can have handed its output on to what it leaves behind; what it has printed itself is here in a moment.
async function freeOutput(
  process: HeldProcess,
  collectors: readonly Collector[],
  endHolders: () => Promise<void>,
): Promise<void> {
  // One that is ended on demand, or lost, is taken care of.
  if (!(await process.outcome.then(Boolean, () => false))) return;
  const drawn = Promise.all([process.stdout.drawn, process.stderr.drawn]);
  if (await settlesWithin(drawn, heldOutputMs)) return;
  await endHolders();
  if (await settlesWithin(drawn, killWaitMs)) return;
  // Somebody else of the container has it open: that is not ours to end.
  for (const collector of collectors) collector.giveUp();
  process.cut();
}

function toOutput<End extends object>(
  process: HeldProcess,
  [out, err]: readonly Collector[],
  end: End,
): End & ProcessOutput {
  const isTruncated = out?.isTruncated === true || err?.isTruncated === true;
  const [stdoutBytes, stderrBytes] = [out?.take() ?? empty, err?.take() ?? empty];
  const output = {
    ...end,
    command: process.command,
    stdout: toText(stdoutBytes),
    stderr: toText(stderrBytes),
    truncated: isTruncated,
    durationMs: process.durationMs,
  };
  return Object.defineProperties(output, {
    stdoutBytes: { value: stdoutBytes },
    stderrBytes: { value: stderrBytes },
  }) as End & ProcessOutput;
}

const empty = Buffer.alloc(0);

// A character that the bound has cut is left out.
function toText(bytes: Buffer): string {
  return new StringDecoder('utf8').write(bytes);
}
