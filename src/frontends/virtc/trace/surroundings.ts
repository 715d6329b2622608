// How a traced run says what it found: as text, in the colours that are wanted, or as JSON lines.
import { toJsonLine } from '../json-lines.js';
import { type CommonFlags, colorForErrors } from '../settings.js';
import type { TraceSurroundings } from './trace-run.js';

/** For `traceRun`: this process, as its flags say. */
export async function traceSurroundings(flags: CommonFlags): Promise<TraceSurroundings> {
  const { env, stderr } = process;
  const cwd = (): string => process.cwd();
  if (flags.format === 'json') {
    const write = (text: string): unknown => stderr.write(toJsonLine({ event: 'trace', text }));
    return { env, cwd, stderr: { write } };
  }
  return { env, cwd, stderr, color: await colorForErrors(flags, env) };
}
