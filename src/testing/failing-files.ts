// The file system calls of what keeps its state in files, of which one fails.
import { type Files, nodeFiles } from '../base/files/files.js';

/** The file system calls, of which the `failing`-th throws; closing does not fail without closing. */
export function failingFiles(
  failing: number,
  code: string,
): { files: Files; calls: () => string[] } {
  const calls: string[] = [];
  const files = new Proxy(nodeFiles, {
    get(target, name: keyof Files) {
      const real = target[name] as (...given: unknown[]) => unknown;
      if (name === 'closeSync') return real;
      return (...given: unknown[]): unknown => {
        calls.push(name);
        if (calls.length !== failing) return real(...given);
        const error = Object.assign(new Error(`${code}: injected, ${name}`), { code });
        if (name === 'fsync' || name === 'writeFile') return Promise.reject(error);
        throw error;
      };
    },
  });
  return { files, calls: () => calls };
}
