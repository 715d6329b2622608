// Stands for the package koffi in the agent's bundle: its native part alone, loaded at the first use.
import type koffi from 'koffi';

/** Where the root image has it. */
const file = '/usr/lib/koffi.node';

type Koffi = typeof koffi;

let native: Koffi | undefined;

/**
 * Not by `require`: the package's own loader finds out which of two dozen platforms it is on, which takes a third of a
 * second where the processor is emulated, and what starts from a snapshot has no `require` for files.
 */
function loaded(): Koffi {
  if (native === undefined) {
    const module: { exports: unknown } = { exports: {} };
    process.dlopen(module, file);
    native = module.exports as Koffi;
  }
  return native;
}

const used: Pick<Koffi, 'load' | 'address'> & { errno(): number } = {
  load: (path) => loaded().load(path),
  address: (value) => loaded().address(value),
  errno: () => loaded().errno(),
};

export default used;
