// The verbs of containers, as the program lists them.
import { addExec } from './exec.js';
import { addKill } from './kill.js';
import { addPause, addUnpause } from './pause.js';
import { addPs } from './ps.js';
import { addRm } from './rm.js';
import { addStart } from './start.js';
import { addStop } from './stop.js';
import { addWait } from './wait.js';

export const containerVerbs = [
  addPs,
  addExec,
  addStart,
  addStop,
  addKill,
  addPause,
  addUnpause,
  addWait,
  addRm,
] as const;
