// The part of the service that is about processes: started by exec, waited for, signalled, ended.
import type { Writable } from 'node:stream';
import { waitFor } from '../../base/deadline.js';
import type { TerminalSize } from '../../model/container-config.js';
import type { ExecOptions } from '../../model/options.js';
import { fromJson, toOptions } from './decode.js';
import { type Answers, document, done, find, findProcess, type Served } from './served.js';

export function processHandlers(
  served: Served,
): Answers<'exec' | 'wait' | 'signal' | 'resizeTerminal' | 'closeInput' | 'endProcess'> {
  const { pod, processes, connection } = served;
  return {
    exec: async ({ containerId, commandJson, optionsJson }, signal) => {
      const command = fromJson('command_json', commandJson) as readonly string[];
      const options = toOptions<ExecOptions>(optionsJson, signal);
      const { process, request } = await find(pod, containerId).startExec(command, options);
      processes.add({ containerId, process, client: connection, end: request.end });
      const { timeoutMs, killSignal, killGraceMs } = request.end;
      return {
        processId: process.id,
        commandJson: JSON.stringify(process.command),
        end: { killSignal, killGraceMs },
        timeoutMs: timeoutMs ?? 0,
      };
    },
    wait: async (request, signal) => {
      const { containerId, processId } = request;
      try {
        return document(await findProcess(served, request).wait({ signal }));
      } finally {
        if (!signal.aborted) processes.told(containerId, processId);
      }
    },
    signal: (request, signal) =>
      done(findProcess(served, request).kill(request.signal, { signal })),
    resizeTerminal: (request, signal) => {
      const size = fromJson('size_json', request.sizeJson) as TerminalSize;
      return done(findProcess(served, request).resize(size, { signal }));
    },
    closeInput: (request, signal) => done(closeInput(findProcess(served, request).stdin, signal)),
    endProcess: async (request) => {
      const { containerId, processId, end } = request;
      const { killSignal = 15, killGraceMs = 0 } = end ?? {};
      const how = { killSignal, killGraceMs };
      if (processId === '') await find(pod, containerId).endGroup(how);
      else await processes.find(containerId, processId).endGroup(how);
      return {};
    },
  };
}

async function closeInput(stdin: Writable, signal: AbortSignal): Promise<void> {
  if (stdin.writableFinished || stdin.destroyed) return;
  const closed = new Promise<void>((resolve) => {
    stdin.once('close', resolve);
    // One that fails has nothing left to close.
    stdin.end(() => resolve());
  });
  await waitFor(closed, { what: 'cannot close the input', signal });
}
