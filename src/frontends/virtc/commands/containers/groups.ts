// The verbs of containers, as the program lists them.
import { addAttach } from './attach.js';
import { addExec } from './exec.js';
import { addInspect } from './inspect.js';
import { addKill } from './kill.js';
import { addLogs } from './logs.js';
import { addPause, addUnpause } from './pause.js';
import { addPs } from './ps.js';
import { addRm } from './rm.js';
import { addStart } from './start.js';
import { addStop } from './stop.js';
import { addWait } from './wait.js';
import { addEvents, addStats, addTop } from './watch.js';

export const containerVerbs = [
  addPs,
  addExec,
  addAttach,
  addLogs,
  addStart,
  addStop,
  addKill,
  addPause,
  addUnpause,
  addWait,
  addRm,
  addInspect,
  addTop,
  addStats,
  addEvents,
] as const;
