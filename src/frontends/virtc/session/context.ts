// The streams, the terminal and the signals of this process, for sessions.

import { VirtcontainersError } from '../../../base/errors.js';
import { getTerminalMode, setTerminalMode } from '../../../base/native/terminal.js';
import { Terminal } from '../run/terminal.js';
import type { SessionContext } from './session.js';

export function sessionContext(): SessionContext {
  return {
    signals: process,
    terminal: new Terminal(process, { get: getTerminalMode, set: setTerminalMode }),
    openStdin: () => process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
  };
}

/** docker's rule: keys can only be passed on to a terminal from a terminal. @throws VirtcontainersError `invalid-argument` */
export function requireTerminal(
  asked: { readonly tty: boolean; readonly interactive: boolean },
  terminal: Pick<Terminal, 'hasInput'>,
): void {
  if (!asked.tty || !asked.interactive || terminal.hasInput) return;
  throw new VirtcontainersError(
    'invalid-argument',
    'cannot attach terminal: the input device is not a TTY',
    { hint: 'leave -t out to pass bytes through, or -i out to pass no input' },
  );
}
