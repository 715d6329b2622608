// Signals as flags name them.
import { constants } from 'node:os';
import { signalName, signalNumber } from '../../../model/exit-status.js';
import { badFlag, didYouMean } from '../flag-values.js';

/** `TERM`, `sigterm`, `15`. @throws VirtcontainersError `invalid-argument` */
export function toSignal(text: string): NodeJS.Signals | number {
  const number = signalNumber(text);
  if (number !== undefined) return signalName(number) ?? number;
  const names = Object.keys(constants.signals).map((name) => name.slice('SIG'.length));
  const written = text.toUpperCase().replace(/^SIG/, '');
  throw badFlag('--signal', text, 'it must be the name or number of a signal', {
    ...didYouMean(written, names, 'for example TERM or 9'),
  });
}
