// What the verbs of `virtc template` work with in this process: the library's templates, streams, progress, colours.
import { createRuntime } from '../../../index.js';
import { accelerators } from '../../../model/defaults.js';
import type { RuntimeTemplates } from '../../../model/template.js';
import { isJson, toChoice } from '../flag-values.js';
import { toJsonLine } from '../json-lines.js';
import { paintFor } from '../paint.js';
import { type CommonFlags, loadSettings, runtimeOptionsOf, type Settings } from '../settings.js';
import { stderrLogger } from '../stderr-log.js';
import { StepProgress } from '../step-progress.js';
import { toWarningEvent, toWarningLine } from '../warnings.js';

export interface Streams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** What surrounds a verb; tests give fakes. */
export interface TemplateContext {
  readonly templates: RuntimeTemplates;
  readonly streams: Streams;
  readonly settings: Settings;
  readonly progress: StepProgress;
}

/**
 * For this process and its flags.
 * @throws VirtcontainersError `invalid-argument` for a bad flag, environment variable or configuration file
 */
export async function templateContext(flags: CommonFlags): Promise<TemplateContext> {
  const { env, stderr } = process;
  const json = isJson(flags.format);
  const accelerator = toChoice('--hypervisor', flags.hypervisor, accelerators);
  const settings = await loadSettings(flags, env);
  const { color, log } = settings;
  const paint = paintFor(color, stderr, env);
  // Log lines would tear it.
  const mode = log !== 'off' && settings.progress === 'auto' ? 'none' : settings.progress;
  const progress = new StepProgress(stderr, env, mode);
  const runtime = createRuntime({
    ...runtimeOptionsOf(flags),
    ...(accelerator === undefined ? {} : { accelerator }),
    logger: stderrLogger(log, (line) => void stderr.write(line)),
    onWarning: (warning) => {
      progress.clear();
      stderr.write(json ? toJsonLine(toWarningEvent(warning)) : toWarningLine(warning, paint));
    },
  });
  return { templates: runtime.templates, streams: process, settings, progress };
}
