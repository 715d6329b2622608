// What the agent tells a host that traces: when the boot's phases were over, and what its calls took since it was first asked.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Recorder } from '../base/trace/recorder.js';
import { monotonicMs, span } from '../base/trace/span.js';
import type { TraceResponseSchema } from '../wire/gen/agent_pb.js';
import type { BootMark } from './boot-marks.js';

/** Most spans that are kept. A container's creation has ten. */
const maxSpans = 500;
/** Most of them last as long as a process does, and say nothing of the agent's work. */
const unrecorded: ReadonlySet<string> = new Set(['wait', 'readOutput', 'writeInput', 'trace']);

/** Records nothing, and has not even loaded what records, until a host asks. */
export class GuestTrace {
  readonly #bootMarks: () => readonly BootMark[];
  #recorder: Recorder | null = null;

  constructor(bootMarks: () => readonly BootMark[]) {
    this.#bootMarks = bootMarks;
  }

  /** Carries out a call. */
  call<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (this.#recorder === null || unrecorded.has(name)) return work();
    return this.#recorder.run(() => span(name, work));
  }

  async answer(): Promise<MessageInitShape<typeof TraceResponseSchema>> {
    const askedUs = toUs(monotonicMs());
    const { Recorder, toMeasured } = await import('../base/trace/recorder.js');
    this.#recorder ??= new Recorder(maxSpans);
    const bootMarks = this.#bootMarks().map(({ name, atMs }) => ({ name, uptimeUs: toUs(atMs) }));
    const spans = toMeasured(this.#recorder.spans).map(({ name, parent, failed, ...at }) => ({
      name,
      beginUs: toUs(at.beginMs),
      endUs: toUs(at.endMs),
      parent: parent === null ? 0 : parent + 1,
      failed: failed === true,
    }));
    const { dropped } = this.#recorder;
    return { bootMarks, spans, dropped, askedUs, answeredUs: toUs(monotonicMs()) };
  }
}

function toUs(ms: number): bigint {
  return BigInt(Math.round(ms * 1000));
}
