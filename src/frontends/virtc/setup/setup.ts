// `virtc setup` in this process: progress on standard error, ^C ends it cleanly, the image's directory on standard output.
import { constants } from 'node:os';
import {
  type SetupEvent,
  type SetupOptions,
  type SetupResult,
  setupGuestImage,
} from '../../../../guest-image/build.js';
import { isVirtcontainersError } from '../../../base/errors.js';
import { loadRuntimeConfig, type Progress } from '../../../config.js';
import { paintFor } from '../paint.js';
import { ProgressLine } from '../progress-line.js';
import { describeError, exitCodeFor, exitCodes } from '../report.js';
import { type CommonFlags, loadSettings, runtimeOptionsOf } from '../settings.js';
import { SetupProgress } from './setup-progress.js';

const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface SetupFlags extends CommonFlags {
  readonly force?: boolean;
}

/**
 * Makes sure that the guest image is there; resolves with the exit code.
 * @throws VirtcontainersError for a bad flag, environment variable or configuration file
 */
export async function setup(flags: SetupFlags): Promise<number> {
  const { env, stderr } = process;
  const { color, progress } = await loadSettings(flags, env);
  const { libRoot } = await loadRuntimeConfig(
    runtimeOptionsOf(flags),
    env,
    process.getuid?.() === 0,
  );
  const abort = new AbortController();
  let code: number = exitCodes.virtcFailed;
  for (const name of endingSignals) {
    process.once(name, () => {
      code = exitCodes.signalBase + constants.signals[name];
      abort.abort();
    });
  }
  try {
    const { directory, built } = await setUp({
      libRoot,
      progress,
      force: flags.force === true,
      signal: abort.signal,
    });
    const isNews = built.length === 0 && progress !== 'none';
    stderr.write(isNews ? 'the guest image is there\n' : '');
    process.stdout.write(`${directory}\n`);
    return 0;
  } catch (error) {
    if (abort.signal.aborted && isVirtcontainersError(error) && error.code === 'cancelled') {
      return code;
    }
    const paint = paintFor(color, stderr, env);
    stderr.write(describeError(error, { debug: flags.debug === true, paint }));
    return exitCodeFor(error);
  }
}

/** The setup itself, with its progress on standard error. */
export async function setUp(
  options: Pick<SetupOptions, 'libRoot' | 'force' | 'signal'> & { readonly progress: Progress },
): Promise<SetupResult> {
  const { progress: mode, ...rest } = options;
  const line = new ProgressLine(process.stderr, process.env, mode);
  const progress = new SetupProgress(line, (text) => {
    if (mode !== 'none') process.stderr.write(text);
  });
  try {
    return await setupGuestImage({
      ...rest,
      onProgress: (event: SetupEvent) => progress.tell(event),
    });
  } finally {
    line.close();
  }
}
