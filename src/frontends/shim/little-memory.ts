// Has V8 prefer little memory to speed: a shim waits nearly all of its life, and what passes through it are bytes that it does not look at.
import { setFlagsFromString } from 'node:v8';

/** Turns off V8's optimizing compiler; a flag that another version of V8 does not know has no effect here, as one of Node's arguments it would be an error. */
export function preferLittleMemory(): void {
  setFlagsFromString('--no-opt');
  setFlagsFromString('--max-lazy');
}
