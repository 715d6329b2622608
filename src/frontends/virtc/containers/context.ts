// What the verbs of containers and pods work with in this process: the library and the standard streams.
import { createRuntime } from '../../../index.js';
import { accelerators } from '../../../model/defaults.js';
import type { Runtime } from '../../../model/pod.js';
import { toChoice } from '../flag-values.js';
import { type CommonFlags, runtimeOptionsOf } from '../settings.js';
import { stderrLogger } from '../stderr-log.js';

export interface Streams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** What surrounds a verb; tests give fakes. */
export interface VerbContext {
  readonly runtime: Runtime;
  readonly streams: Streams;
}

/** For this process and its flags. @throws VirtcontainersError `invalid-argument` for a bad flag or variable */
export function verbContext(flags: CommonFlags): VerbContext {
  const accelerator = toChoice('--hypervisor', flags.hypervisor, accelerators);
  const isDebug = flags.debug === true || process.env['VIRTC_LOG'] === 'debug';
  const runtime = createRuntime({
    ...runtimeOptionsOf(flags),
    ...(accelerator === undefined ? {} : { accelerator }),
    logger: stderrLogger(isDebug ? 'debug' : 'off', (line) => void process.stderr.write(line)),
  });
  return { runtime, streams: process };
}
