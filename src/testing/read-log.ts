// A log as a test looks at it: all its records at once.

import { LogReader } from '../host/logs/log-reader.js';
import type { LogRecord } from '../host/logs/log-record.js';

/** Oldest first; none where there is no such log. */
export async function readLog(directory: string, name: string): Promise<readonly LogRecord[]> {
  const reader = await LogReader.open(directory, name);
  if (reader === null) return [];
  try {
    const records: LogRecord[] = [];
    for await (const record of reader.more()) records.push(record);
    return records;
  } finally {
    await reader.close();
  }
}
