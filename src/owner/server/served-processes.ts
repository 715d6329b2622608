// The processes that clients have added to containers: found by their names until all that there is of them was told.
import type { Readable } from 'node:stream';
import { VirtcontainersError } from '../../base/errors.js';
import type { EndConfig } from '../../model/parse/command-options.js';
import { endOnDemand } from '../../pod/end-group.js';
import type { LocalProcess } from '../../pod/local-process.js';

interface Entry {
  readonly containerId: string;
  readonly process: LocalProcess;
  /** Who has started it and ends it when its time is over, while that one is there. */
  client: object | null;
  readonly end: EndConfig;
  wasTold: boolean;
}

/** Most ended processes that nobody has asked about. */
const maxEnded = 256;

export class ServedProcesses {
  readonly #entries = new Map<string, Entry>();

  add(started: Pick<Entry, 'containerId' | 'process' | 'client' | 'end'>): void {
    const entry: Entry = { ...started, wasTold: false };
    const { process } = entry;
    const key = keyOf(entry.containerId, process.id);
    this.#entries.set(key, entry);
    const look = (): void => this.#look(key, entry);
    for (const stream of [process.stdout, process.stderr]) stream.once('close', look);
    void process.finished.then(() => {
      look();
      this.#forgetOldest();
    });
  }

  /** @throws VirtcontainersError `not-found` */
  find(containerId: string, processId: string): LocalProcess {
    const entry = this.#entries.get(keyOf(containerId, processId));
    if (entry !== undefined) return entry.process;
    const what = `cannot find process ${JSON.stringify(processId.slice(0, 200))}`;
    const reason = `container ${containerId.slice(0, 200)} has none of that id that can be asked for`;
    throw new VirtcontainersError('not-found', `${what}: ${reason}`);
  }

  /** How it ended was told. */
  told(containerId: string, processId: string): void {
    const key = keyOf(containerId, processId);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.wasTold = true;
    this.#look(key, entry);
  }

  /** Nobody waits any more for what this client has started: it goes on, and what nobody reads is dropped. */
  left(client: object): void {
    for (const [key, entry] of [...this.#entries]) {
      if (entry.client !== client) continue;
      entry.client = null;
      endOnTime(entry);
      letFlow(entry.process);
      this.#look(key, entry);
    }
  }

  #look(key: string, { process, client, wasTold }: Entry): void {
    const isOver = [process.stdout, process.stderr].every(isClosed);
    if (process.ended && isOver && (wasTold || client === null)) this.#entries.delete(key);
  }

  #forgetOldest(): void {
    const ended = [...this.#entries].filter(([, { process }]) => process.ended);
    for (const [key, { process }] of ended.slice(0, Math.max(0, ended.length - maxEnded))) {
      this.#entries.delete(key);
      letFlow(process);
    }
  }
}

function keyOf(containerId: string, processId: string): string {
  return `${containerId}/${processId}`;
}

function isClosed(stream: Readable): boolean {
  return stream.destroyed || stream.readableEnded;
}

// From its start on, whoever has seen to it until now.
function endOnTime({ process, end }: Entry): void {
  const { timeoutMs } = end;
  if (timeoutMs === null) return;
  endOnDemand(process, {
    ...end,
    timeoutMs: Math.max(0, timeoutMs - process.durationMs),
    what: process.finishing,
    signal: undefined,
  });
}

function letFlow({ stdout, stderr }: LocalProcess): void {
  for (const stream of [stdout, stderr]) {
    const isRead = ['data', 'readable'].some((event) => stream.listenerCount(event) > 0);
    if (!isRead) stream.resume();
  }
}
