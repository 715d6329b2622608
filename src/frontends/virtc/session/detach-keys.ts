// The keys that leave a terminal without ending what runs in it: docker's ctrl-p,ctrl-q unless others are asked for.
import { Transform, type TransformCallback } from 'node:stream';
import { badFlag } from '../flag-values.js';

export const defaultDetachKeys = 'ctrl-p,ctrl-q';

/**
 * The bytes of keys as docker writes them: `ctrl-p,ctrl-q`, `ctrl-a,d`; none for an empty text, with which nothing leaves.
 * @throws VirtcontainersError `invalid-argument`
 */
export function toDetachKeys(text: string): Uint8Array {
  if (text === '') return Buffer.alloc(0);
  const bytes = text.split(',').map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    const code = key.length === 1 ? key.charCodeAt(0) : 0x80;
    if (code < 0x80) return code;
    throw badFlag(
      '--detach-keys',
      text,
      `${JSON.stringify(key)} is no key: it must be one character, or ctrl- and a letter or @[\\]^_`,
      { hint: `for example ${defaultDetachKeys}` },
    );
  });
  return Buffer.from(bytes);
}

/** Passes input on, but for the keys: when all of them have come in their order it emits `detach` and passes on nothing more. */
export class DetachFilter extends Transform {
  readonly #keys: Uint8Array;
  #matched = 0;
  #isOver = false;

  constructor(keys: Uint8Array) {
    super();
    this.#keys = keys;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    if (this.#isOver || this.#keys.length === 0) {
      done(null, this.#isOver ? undefined : chunk);
      return;
    }
    const passed: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched += 1;
        if (this.#matched < this.#keys.length) continue;
        this.#isOver = true;
        break;
      }
      // What had matched so far was meant for the program; the keys may begin anew with this one.
      passed.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) passed.push(byte);
    }
    if (passed.length > 0) this.push(Buffer.from(passed));
    if (this.#isOver) this.emit('detach');
    done();
  }

  override _flush(done: TransformCallback): void {
    const held = this.#isOver ? [] : [...this.#keys.subarray(0, this.#matched)];
    done(null, held.length === 0 ? undefined : Buffer.from(held));
  }
}
