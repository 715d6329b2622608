// Runs processes in a container of a pod that another process owns: asks for them, and has them end on time and on a signal.
import type { ExecOptions, RunOptions } from '../../model/options.js';
import type { CollectConfig } from '../../model/parse/command-options.js';
import {
  type ExecContainer,
  parseExecOptions,
  parseRunOptions,
} from '../../model/parse/process-options.js';
import { endOnDemand } from '../../pod/end-group.js';
import type { EndHow } from '../../pod/held-process.js';
import { Pod as PodService } from '../../wire/gen/pod_pb.js';
import { type SentOptions, toSentOptions } from './plain-options.js';
import { type Remote, RemoteProcess } from './remote-process.js';

/** @throws VirtcontainersError `invalid-argument` as the library throws it */
export function checkExecOptions(
  containerId: string,
  command: readonly string[],
  options: unknown,
): Promise<unknown> {
  return parseExecOptions(anyContainer(containerId), command, options);
}

/** What `run` is asked for: what is sent, and what happens here. @throws VirtcontainersError `invalid-argument` */
export async function parseRemoteRun(
  containerId: string,
  command: readonly string[],
  options: RunOptions | undefined,
): Promise<{ readonly sent: SentOptions; readonly collect: CollectConfig }> {
  const collect = await parseRunOptions(anyContainer(containerId), command, options);
  const { input: _, maxBufferBytes: __, ...rest } = options ?? {};
  const exec: ExecOptions = { ...rest, stdin: collect.input !== null };
  return { sent: await toSentOptions(exec, async () => {}), collect };
}

/** Starts a process in a container; it ends with the signal. */
export async function execRemotely(
  remote: Remote,
  containerId: string,
  { command, json, signal }: SentOptions & { readonly command: readonly string[] },
): Promise<{ readonly process: RemoteProcess; readonly end: EndHow }> {
  const what = `cannot exec in container ${containerId}`;
  const commandJson = JSON.stringify(command) ?? 'null';
  const request = { containerId, commandJson, optionsJson: json };
  const answer = await remote.owner.call(PodService.method.exec, request, { what, signal });
  const { processId } = answer;
  const process = new RemoteProcess(remote, {
    containerId,
    processId,
    command: JSON.parse(answer.commandJson) as readonly string[],
    from: 'kept',
  });
  process.begin();
  process.stdout.begin();
  process.stderr.begin();
  const { killSignal = 15, killGraceMs = 0 } = answer.end ?? {};
  const end = { killSignal, killGraceMs };
  endOnDemand(process, {
    ...end,
    // The owner sees to it where this program has gone.
    timeoutMs: answer.timeoutMs === 0 ? null : answer.timeoutMs,
    what: process.finishing,
    signal,
  });
  return { process, end };
}

// What the owner knows of the container does not matter for whether options are right.
function anyContainer(id: string): ExecContainer {
  const process = { command: [], env: {}, cwd: '/', user: '0', terminal: null, stdin: false };
  return { id, process };
}
