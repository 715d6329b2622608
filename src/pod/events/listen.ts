// Begins to listen to events, with options that are checked at once: there is no promise that could reject.
import { VirtcontainersError } from '../../base/errors.js';
import type { PodEvent } from '../../model/events.js';
import type { AbortOptions } from '../../model/options.js';
import { showValue } from '../../model/parse/show-value.js';
import type { EventHub } from './event-hub.js';

/** @throws VirtcontainersError `invalid-argument` */
export function listen(
  hub: EventHub,
  what: string,
  options?: AbortOptions,
): AsyncIterableIterator<PodEvent, undefined> {
  return hub.listen(checkListenOptions(what, options));
}

/** The signal that ends the listening. @throws VirtcontainersError `invalid-argument` */
export function checkListenOptions(
  what: string,
  options: AbortOptions = {},
): AbortSignal | undefined {
  const unknown = Object.keys(options).find((name) => name !== 'signal');
  if (unknown !== undefined) {
    throw new VirtcontainersError('invalid-argument', `${what}: unknown option \`${unknown}\``);
  }
  const { signal } = options;
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  const reason = `\`signal\` must be an AbortSignal, not ${showValue(signal)}`;
  throw new VirtcontainersError('invalid-argument', `${what}: ${reason}`);
}
