// Writes values into QEMU's key=value options so that no value can become an option of its own.
import { VirtcontainersError } from '../../../base/errors.js';

export type OptionValues = Readonly<Record<string, string | number | boolean>>;

/**
 * `driver,key=value,…`: QEMU splits at single commas only and reads a doubled one as a comma of the value;
 * everything else, also `=`, quotes and newlines, is taken as it stands.
 * @param head the implied first value (a driver, a machine type, a name), if there is one
 */
export function option(head: string | null, values: OptionValues = {}): string {
  const parts = head === null ? [] : [escapeValue(head)];
  for (const [key, value] of Object.entries(values)) {
    parts.push(`${key}=${typeof value === 'boolean' ? onOff(value) : escapeValue(String(value))}`);
  }
  return parts.join(',');
}

function onOff(value: boolean): string {
  return value ? 'on' : 'off';
}

function escapeValue(value: string): string {
  return plainArgument(value).replaceAll(',', ',,');
}

/** A whole argument that QEMU does not split; a zero byte would cut it short in the kernel. */
export function plainArgument(value: string): string {
  if (value.includes('\0')) {
    throw new VirtcontainersError(
      'invalid-argument',
      `cannot pass ${JSON.stringify(value)} to QEMU: it holds a zero byte`,
    );
  }
  return value;
}
