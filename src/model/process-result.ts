// What a command has printed and how it ended.
import type { ExitStatus } from './exit-status.js';

/** What was collected of a command's output. */
export interface ProcessOutput {
  readonly command: readonly string[];
  /** Its standard output as UTF-8. With a terminal, all of its output. */
  readonly stdout: string;
  readonly stderr: string;
  /** The same as bytes. Not enumerable: neither printed nor copied with the rest. */
  readonly stdoutBytes: Uint8Array;
  readonly stderrBytes: Uint8Array;
  /** Whether more came than `maxBufferBytes`: what is there is then the beginning, to the byte. */
  readonly truncated: boolean;
  /** From its start to its end, in milliseconds. */
  readonly durationMs: number;
}

/** How a command ended and what it printed. */
export interface ProcessResult extends ExitStatus, ProcessOutput {
  /** Whether its exit code is 0. */
  readonly ok: boolean;
}

/** `details.result` of the error of a command that was ended or lost: what it had printed until then. */
export interface UnfinishedResult extends ProcessOutput {
  /** How it ended; null where that is not known. */
  readonly exit: ExitStatus | null;
}
