// `virtc setup` in this process: progress on standard error, ^C ends it cleanly, the image's directory on standard output.
import { constants } from 'node:os';
import {
  type SetupEvent,
  type SetupOptions,
  type SetupResult,
  setupGuestImage,
} from '../../../../guest-image/build.js';
import { isVirtcontainersError } from '../../../base/errors.js';
import { toRuntimeConfig } from '../../../config.js';
import { ProgressLine } from '../progress-line.js';
import { describeError, exitCodeFor, exitCodes } from '../report.js';
import { SetupProgress } from './setup-progress.js';

const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface SetupFlags {
  readonly force?: boolean;
  readonly debug?: boolean;
}

/** Makes sure that the guest image is there; resolves with the exit code and never rejects. */
export async function setup(flags: SetupFlags): Promise<number> {
  const abort = new AbortController();
  let code: number = exitCodes.virtcFailed;
  for (const name of endingSignals) {
    process.once(name, () => {
      code = exitCodes.signalBase + constants.signals[name];
      abort.abort();
    });
  }
  try {
    const { directory, built } = await setUp({ force: flags.force === true, signal: abort.signal });
    process.stderr.write(built.length === 0 ? 'the guest image is there\n' : '');
    process.stdout.write(`${directory}\n`);
    return 0;
  } catch (error) {
    if (abort.signal.aborted && isVirtcontainersError(error) && error.code === 'cancelled') {
      return code;
    }
    process.stderr.write(describeError(error, { debug: flags.debug === true }));
    return exitCodeFor(error);
  }
}

/** The setup itself, with its progress on standard error. */
export async function setUp(options: Pick<SetupOptions, 'force' | 'signal'>): Promise<SetupResult> {
  const line = new ProgressLine(process.stderr, process.env);
  const progress = new SetupProgress(line, (text) => process.stderr.write(text));
  try {
    const { libRoot } = toRuntimeConfig({}, process.env, process.getuid?.() === 0);
    return await setupGuestImage({
      ...options,
      libRoot,
      onProgress: (event: SetupEvent) => progress.tell(event),
    });
  } finally {
    line.close();
  }
}
