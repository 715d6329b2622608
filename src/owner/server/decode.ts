// What clients of an owner send, as the library's own calls take it.
import { VirtcontainersError } from '../../base/errors.js';
import type { AbortOptions } from '../../model/options.js';

/** A JSON text of a request. @throws VirtcontainersError `invalid-argument` */
export function fromJson(what: string, json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new VirtcontainersError('invalid-argument', `cannot answer: ${what} is no JSON`, {
      cause,
    });
  }
}

/**
 * Options with the call's signal in them. They are whatever the client has sent: the library's parsers check them.
 * @param json empty for none
 */
export function toOptions<T extends AbortOptions>(json: string, signal: AbortSignal): T {
  const options: unknown = json === '' ? {} : fromJson('options_json', json);
  const isTable = typeof options === 'object' && options !== null && !Array.isArray(options);
  // A signal that was sent is none: the parser says so.
  if (!isTable || 'signal' in options) return options as T;
  return { ...options, signal } as unknown as T;
}
