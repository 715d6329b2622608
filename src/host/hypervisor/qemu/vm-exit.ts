// Says why a VM is no more, from what is known when it has gone; pure.
import { printable, printableTail } from '../../../base/untrusted-text.js';
import { consoleTailBytes } from '../../../model/limits.js';
import type { VmExit } from '../hypervisor.js';

/** What is known of a VM that has gone. */
export interface ExitFacts {
  readonly exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null };
  /** The reason in QEMU's last SHUTDOWN event. */
  readonly shutdownReason: string | undefined;
  /** Set where we killed it. */
  readonly killReason: string | undefined;
  /** Whether QEMU had been asked to quit. */
  readonly quitSent: boolean;
  /** As it came from the guest. */
  readonly consoleText: string;
  /** As it came from QEMU. */
  readonly stderrText: string;
}

export function toVmExit(facts: ExitFacts): VmExit {
  return {
    ...kindAndReason(facts),
    consoleTail: printableTail(facts.consoleText, consoleTailBytes),
    stderrTail: printableTail(facts.stderrText, consoleTailBytes),
  };
}

function kindAndReason(facts: ExitFacts): Pick<VmExit, 'kind' | 'reason'> {
  const { exit, shutdownReason, killReason } = facts;
  if (killReason !== undefined) return { kind: 'killed', reason: killReason };
  const panic = panicText(facts.consoleText);
  const guestEnded = shutdownReason?.startsWith('guest-') ?? false;
  if (shutdownReason === 'guest-panic' || (guestEnded && panic !== undefined)) {
    return { kind: 'panicked', reason: `the guest's kernel panicked: ${panic ?? 'no text'}` };
  }
  if (exit.signal !== null) return { kind: 'killed', reason: `QEMU ended by ${exit.signal}` };
  if (shutdownReason === 'host-signal') {
    return { kind: 'killed', reason: 'QEMU was told to end by a signal' };
  }
  if (shutdownReason === 'guest-reset') return { kind: 'failed', reason: 'the guest reset itself' };
  if (guestEnded) return { kind: 'failed', reason: 'the guest powered itself off' };
  if (exit.code === 0 && (facts.quitSent || shutdownReason === 'host-qmp-quit')) {
    return { kind: 'stopped', reason: 'it was stopped' };
  }
  return { kind: 'failed', reason: failure(exit.code, facts.stderrText) };
}

function failure(code: number | null, stderrText: string): string {
  const lastLine = stderrText.trimEnd().split('\n').at(-1) ?? '';
  const said = lastLine === '' ? '' : `: ${printable(lastLine, 300)}`;
  return `QEMU ended with code ${code ?? 'unknown'}${said}`;
}

/** What the kernel says it panicked of. A guest can write that too, which only harms its own pod's message. */
function panicText(consoleText: string): string | undefined {
  const text = /Kernel panic - not syncing: ([^\r\n]*)/.exec(consoleText)?.[1];
  return text === undefined ? undefined : printable(text, 300);
}
