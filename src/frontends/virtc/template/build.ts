// `virtc template build`: progress on standard error, ^C ends it cleanly, the template's id on standard output.
import { constants } from 'node:os';
import { isCleanAbort } from '../../../base/errors.js';
import type { ProgressEvent } from '../../../model/progress.js';
import { isJson } from '../flag-values.js';
import { toJsonLine } from '../json-lines.js';
import { exitCodes } from '../report.js';
import type { CommonFlags } from '../settings.js';
import type { TemplateContext } from './context.js';

const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type EndingSignal = (typeof endingSignals)[number];

export interface BuildFlags extends CommonFlags {
  readonly rebuild?: boolean;
}

/** Where signals come from: `process`, or a fake. */
export interface Signals {
  on(name: EndingSignal, listener: () => void): unknown;
  off(name: EndingSignal, listener: () => void): unknown;
}

/**
 * Makes the template that pods are cloned from, where it is not there; resolves with the exit code.
 * @throws VirtcontainersError why it cannot be made
 */
export async function buildTemplate(
  flags: BuildFlags,
  context: TemplateContext & { readonly signals: Signals },
): Promise<number> {
  const json = isJson(flags.format);
  const { templates, streams, signals } = context;
  const abort = new AbortController();
  let code: number = exitCodes.virtcFailed;
  const listeners = endingSignals.map((name) => {
    const listener = (): void => {
      code = exitCodes.signalBase + constants.signals[name];
      abort.abort();
    };
    signals.on(name, listener);
    return [name, listener] as const;
  });
  try {
    const template = await templates.build({
      rebuild: flags.rebuild === true,
      signal: abort.signal,
      onProgress: (event) => tell(event, json, context),
    });
    context.progress.close();
    streams.stdout.write(json ? `${JSON.stringify(template, null, 2)}\n` : `${template.id}\n`);
    return 0;
  } catch (error) {
    if (abort.signal.aborted && isCleanAbort(error)) return code;
    throw error;
  } finally {
    context.progress.close();
    for (const [name, listener] of listeners) signals.off(name, listener);
  }
}

function tell(event: ProgressEvent, json: boolean, context: TemplateContext): void {
  const { progress, settings, streams } = context;
  if (!json) {
    progress.tell(event);
    return;
  }
  const { step, phase, durationMs } = event;
  if (settings.progress !== 'none') {
    streams.stderr.write(toJsonLine({ event: 'progress', step, phase, durationMs }));
  }
}
