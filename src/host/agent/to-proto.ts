// Converts between our words and the messages of virtcontainers.agent.v1, checking what comes from the guest.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { VirtcontainersError } from '../../base/errors.js';
import { printable } from '../../base/untrusted-text.js';
import type { TerminalSize } from '../../model/container-config.js';
import { type ExitStatus, signalName } from '../../model/exit-status.js';
import {
  type CreateContainerRequestSchema,
  type ExecRequestSchema,
  type HandshakeResponse,
  OutputStream,
  type ReadOutputResponse,
  type SharePathSchema,
  type TerminalSizeSchema,
  type WaitResponse,
  type WriteInputResponse,
} from '../../wire/gen/agent_pb.js';
import type {
  GuestContainer,
  GuestInfo,
  GuestProcess,
  GuestSharePath,
  InputChunk,
  OutputChunk,
  OutputRange,
} from './agent.js';

const maxVersionLength = 128;
const maxExitCode = 255;
const maxSignal = 64;
const SIGKILL = 9;

export const toOutputStream: Readonly<Record<OutputRange['stream'], OutputStream>> = {
  stdout: OutputStream.STDOUT,
  stderr: OutputStream.STDERR,
};

export function toCreateRequest(
  container: GuestContainer,
): MessageInitShape<typeof CreateContainerRequestSchema> {
  const { containerId, specJson, root, sharedMounts, stdin, terminalSize } = container;
  const source = toSharePath(root.source);
  return {
    containerId,
    specJson: Buffer.from(specJson),
    root: { kind: { case: 'directory', value: { source, discardWrites: root.discardWrites } } },
    sharedMounts: sharedMounts.map(toSharePath),
    stdin,
    ...toTerminal(terminalSize),
  };
}

export function toExecRequest(process: GuestProcess): MessageInitShape<typeof ExecRequestSchema> {
  const { containerId, processId, processJson, stdin, terminalSize } = process;
  return {
    containerId,
    processId,
    processJson: Buffer.from(processJson),
    stdin,
    ...toTerminal(terminalSize),
  };
}

function toSharePath(path: GuestSharePath): MessageInitShape<typeof SharePathSchema> {
  return { share: { tag: path.tag, cached: path.cached }, path: path.path };
}

function toTerminal(size: TerminalSize | null): {
  terminalSize?: MessageInitShape<typeof TerminalSizeSchema>;
} {
  return size === null ? {} : { terminalSize: { columns: size.columns, rows: size.rows } };
}

export function toGuestInfo(response: HandshakeResponse): GuestInfo {
  return {
    agentVersion: printable(response.agentVersion, maxVersionLength),
    kernelRelease: printable(response.kernelRelease, maxVersionLength),
    uptimeMs: Math.min(Number(response.uptimeMs), Number.MAX_SAFE_INTEGER),
  };
}

/** A status that no Linux process can have, which only a lying guest gives, becomes 255. */
export function toExitStatus({ exitCode, signal, oom }: WaitResponse): ExitStatus {
  if (signal === 0 || signal > maxSignal) {
    const code = signal === 0 ? Math.min(exitCode, maxExitCode) : maxExitCode;
    // An init or a shell says so of a child.
    return { code, signal: null, reason: oom && code === 128 + SIGKILL ? 'oom' : 'exited' };
  }
  return {
    code: 128 + signal,
    signal: signalName(signal) ?? null,
    reason: oom && signal === SIGKILL ? 'oom' : 'signaled',
  };
}

/**
 * @param maxBytes what was asked for
 * @throws VirtcontainersError `internal` for more bytes than that, or for neither bytes nor the end: a caller
 *   would ask for ever
 */
export function toOutputChunk(
  { data, end }: ReadOutputResponse,
  maxBytes: number,
  what: string,
): OutputChunk {
  if (data.length > maxBytes) {
    const reason = `the guest sent ${data.length} bytes where at most ${maxBytes} were asked for`;
    throw new VirtcontainersError('internal', `${what}: ${reason}`);
  }
  if (data.length === 0 && !end) {
    const reason = 'the guest sent neither bytes nor the end of the stream';
    throw new VirtcontainersError('internal', `${what}: ${reason}`);
  }
  return { data, end };
}

/**
 * How far the input has been taken, as seen from the chunk that was sent: what an earlier owner had sent
 * beyond it counts as taken too, and the guest skips it when it comes again.
 * @throws VirtcontainersError `internal` if the guest goes back
 */
export function toInputProgress(
  { offset, closed }: WriteInputResponse,
  input: InputChunk,
  what: string,
): { readonly offset: bigint; readonly closed: boolean } {
  if (offset < input.offset && !closed) {
    const reason = `the guest went back from offset ${input.offset} to ${offset}`;
    throw new VirtcontainersError('internal', `${what}: ${reason}`);
  }
  const end = input.offset + BigInt(input.data.length);
  return { offset: offset < end ? offset : end, closed };
}
