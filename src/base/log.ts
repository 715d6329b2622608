// The logger that programs inject: pino's shape, silent by default.

/** Writes one line: its fields, then its text. */
export type LogMethod = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** A pino-compatible logger. Fields used: `subsystem`, `pod`, `container`. */
export interface Logger {
  debug: LogMethod;
  info: LogMethod;
  warn: LogMethod;
  error: LogMethod;
  child(fields: Readonly<Record<string, unknown>>): Logger;
}

const nothing = (): void => {};

/** Drops everything. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
};
