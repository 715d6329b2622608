// Runs a command to its end in one call: input, output, result, and the lines of its output as they come.
import type { VirtcontainersError } from '../base/errors.js';
import { Undo } from '../base/undo.js';
import { defaultMaxLineBytes } from '../model/limits.js';
import type { CollectConfig } from '../model/parse/command-options.js';
import type { CommandRun } from '../model/pod.js';
import type { ProcessResult } from '../model/process-result.js';
import { collectOutput } from './collect-output.js';
import { feedInput } from './feed-input.js';
import type { EndHow, HeldProcess } from './held-process.js';
import { linesOf } from './lines.js';

/** A command whose process exists. */
export interface StartedCommand {
  readonly process: HeldProcess;
  readonly request: CollectConfig & { readonly end: EndHow };
  /** Removes what was made for it alone. */
  readonly release?: () => Promise<void>;
}

/** @param start makes the process, whose input is open where the request has one */
export function runCommand(what: string, start: () => Promise<StartedCommand>): CommandRun {
  const started = start();
  const result = started.then((command) => released(command, () => finish(what, command)));
  const iterate = (): AsyncGenerator<string> => {
    // The loop tells it.
    result.catch(() => {});
    return linesUntilEnd(started, result);
  };
  return Object.assign(result, { [Symbol.asyncIterator]: iterate });
}

async function released<T>(
  { release }: Pick<StartedCommand, 'release'>,
  work: () => Promise<T>,
): Promise<T> {
  const result = await Undo.run(async (undo) => {
    if (release !== undefined) undo.add('container', release);
    return await work();
  });
  await release?.();
  return result;
}

async function finish(
  what: string,
  { process, request: { input, maxBufferBytes, end } }: StartedCommand,
): Promise<ProcessResult> {
  if (input !== null) {
    feedInput(what, process.stdin, input).catch((error: VirtcontainersError) =>
      process.endAll(error, end),
    );
  }
  return await collectOutput(process, {
    what,
    maxBufferBytes,
    endHolders: () => process.endGroup(end),
  });
}

async function* linesUntilEnd(
  started: Promise<StartedCommand>,
  result: Promise<ProcessResult>,
): AsyncGenerator<string, void, undefined> {
  const { process, request } = await started;
  let isWhole = false;
  try {
    yield* linesOf(process.stdout, defaultMaxLineBytes);
    isWhole = true;
  } finally {
    if (!isWhole) await process.endGroup(request.end);
    // Why its output broke off is told there.
    await result;
  }
}
