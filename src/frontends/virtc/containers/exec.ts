// `virtc exec`: runs a command in a container that runs, with our streams or in the background.
import { isCleanAbort, VirtcontainersError } from '../../../base/errors.js';
import type { ExecOptions } from '../../../model/options.js';
import type { Container } from '../../../model/pod.js';
import { readEnvFiles } from '../run/env-file.js';
import { toEnvironment } from '../run/environment.js';
import { Interrupts } from '../run/interrupts.js';
import { requireTerminal } from '../session/context.js';
import { defaultDetachKeys, toDetachKeys } from '../session/detach-keys.js';
import { runSession, type SessionContext } from '../session/session.js';
import type { CommonFlags } from '../settings.js';
import type { VerbContext } from './context.js';
import { openContainer } from './find.js';
import { look, requireDockerState } from './owned.js';

export interface ExecFlags extends CommonFlags {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly detach?: boolean;
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly detachKeys?: string;
}

/** Resolves with the command's exit code; 0 where it was left to itself. @throws VirtcontainersError what kept it from running */
export async function exec(
  name: string,
  words: readonly string[],
  flags: ExecFlags,
  context: VerbContext & SessionContext,
): Promise<number> {
  const command = words[0] === '--' ? words.slice(1) : words;
  if (command.length === 0) {
    throw new VirtcontainersError('invalid-argument', 'cannot run in container: no command given', {
      hint: 'write virtc exec CONTAINER CMD',
    });
  }
  const isDetached = flags.detach === true;
  const tty = flags.tty === true;
  const interactive = flags.interactive === true && !isDetached;
  const detachKeys = toDetachKeys(flags.detachKeys ?? defaultDetachKeys);
  requireTerminal({ tty, interactive }, context.terminal);
  const options = await toExecOptions(flags, process.env);
  const found = await look(context.runtime, name, 'run in');
  requireDockerState(found, `cannot run in container ${found.container.id}`, ['running']);
  const container = await openContainer(context.runtime, found);
  if (isDetached) return leaveRunning(container, command, options);
  const interrupts = new Interrupts(context.signals);
  try {
    const running = await container.exec(command, {
      ...options,
      ...(tty ? { terminal: context.terminal.size() } : {}),
      stdin: interactive,
      signal: interrupts.signal,
    });
    const asked = { interactive, tty, detachKeys, forwardsSignals: true, interrupts };
    const status = await runSession({ process: running, ...asked }, context);
    if (status === null) context.streams.stderr.write('\r\nread escape sequence\n');
    return interrupts.exitCode ?? status?.code ?? 0;
  } catch (error) {
    if (interrupts.exitCode !== undefined && isCleanAbort(error)) return interrupts.exitCode;
    throw interrupts.failure ?? error;
  } finally {
    interrupts.dispose();
  }
}

async function leaveRunning(
  container: Container,
  command: readonly string[],
  options: ExecOptions,
): Promise<number> {
  const running = await container.exec(command, options);
  // Nobody reads what it prints, and it shall not wait for a reader.
  running.stdout.destroy();
  running.stderr.destroy();
  return 0;
}

async function toExecOptions(
  flags: ExecFlags,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ExecOptions> {
  const { env = [], envFile = [], workdir, user } = flags;
  // What a flag says holds over what a file says.
  const entries = [...(await readEnvFiles(envFile)), ...env];
  return {
    env: toEnvironment(entries, environment),
    ...(workdir === undefined ? {} : { cwd: workdir }),
    ...(user === undefined ? {} : { user }),
  };
}
