// Writes a command as a shell would read it.

/** What needs no quotes in any shell. */
const plain = /^[\w@%+=:,./-]+$/;
const control = /\p{Cc}/u;

/** One argument, quoted where a shell would take it for something else; control characters are escaped. */
export function shellWord(argument: string): string {
  if (plain.test(argument)) return argument;
  if (!control.test(argument)) return `'${argument.replaceAll("'", "'\\''")}'`;
  const escaped = argument
    .replace(/['\\]/g, '\\$&')
    .replace(/\p{Cc}/gu, (character) => [...Buffer.from(character)].map(escapeByte).join(''));
  return `$'${escaped}'`;
}

const escapeByte = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`;

/** A command line over several lines that a shell joins: the program, then each flag with its values. */
export function shellLines(argv: readonly string[]): readonly string[] {
  const groups: string[][] = [];
  for (const [index, argument] of argv.entries()) {
    if (index < 2 || argument.startsWith('-')) groups.push([]);
    groups.at(-1)?.push(shellWord(argument));
  }
  return groups.map(
    (words, index) =>
      `${index === 0 ? '' : '  '}${words.join(' ')}${index === groups.length - 1 ? '' : ' \\'}`,
  );
}
