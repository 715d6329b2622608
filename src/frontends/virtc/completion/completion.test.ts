// Tests of shell completion: bash runs its script; those of zsh and fish are looked at for all that they must hold.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { createProgram } from '../program.js';
import { scripts } from './scripts.js';
import { toTree } from './tree.js';

const tree = toTree(createProgram(() => {}));
const folder = mkdtempSync(path.join(tmpdir(), 'virtc-completion-'));
after(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(path.join(folder, 'root fs'));
mkdirSync(path.join(folder, 'rooms'));
writeFileSync(path.join(folder, 'rook.env'), '');

/** What bash offers where these words are typed, the last one unfinished. */
function complete(...words: readonly string[]): readonly string[] {
  const program = `set -u
${scripts.bash(tree)}
COMP_WORDS=(virtc "$@"); COMP_CWORD=$#
virtc() { [[ $1 == ps ]] && printf '%s\\n' web work || printf '%s\\n' group; }
_virtc virtc "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['-c', program, 'bash', ...words], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.deepEqual([status, stderr], [0, '']);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

const cases: readonly [readonly string[], readonly string[]][] = [
  [
    [''],
    createProgram(() => {})
      .commands.map((verb) => verb.name())
      .concat('help')
      .sort(),
  ],
  [['co'], ['completion', 'config']],
  [['--co'], ['--config']],
  [
    ['--config', 'roo'],
    ['rook.env', 'rooms', 'root fs'],
  ],
  [['--config', 'run', 'do'], ['doctor']],
  [['run', '--roo'], ['--rootfs']],
  [
    ['run', '--rootfs', 'roo'],
    ['rooms', 'root fs'],
  ],
  [
    ['run', '--rootfs', '=', 'roo'],
    ['rooms', 'root fs'],
  ],
  [['run', '--env-file', 'rook'], ['rook.env']],
  [['run', '-v', 'rook'], ['rook.env']],
  [['run', '--memory', ''], []],
  [
    ['run', '--progress', ''],
    ['auto', 'none', 'plain'],
  ],
  [
    ['run', '--progress', '='],
    ['auto', 'none', 'plain'],
  ],
  [['run', '--progress', '=', 'p'], ['plain']],
  [['run', '--progress', 'plain', '--writes', 'd'], ['discard']],
  [['run', '-it', '--hyper'], ['--hypervisor']],
  [['run', '-it', 'sh', '--hyper'], []],
  [['run', '--', '--hyper'], []],
  [['run', '-e', '--', '--hyper'], ['--hypervisor']],
  [['run', '-e', 'sh', '--hyper'], ['--hypervisor']],
  [['run', '--trace', 'rook'], ['rook.env']],
  [['run', '--trace', '--roo'], ['--rootfs']],
  [['run', '--trace', '--progress', 'p'], ['plain']],
  [['run', '--trace', 'x.json', '--roo'], ['--rootfs']],
  [['gc', '--format', 'j'], ['json']],
  [['gc', '--fix'], []],
  [['doctor', '--fi'], ['--fix']],
  [
    ['completion', ''],
    ['bash', 'fish', 'zsh'],
  ],
  [['completion', 'bash', ''], []],
  [['help', 'ru'], ['run']],
  [['nonsense', '--f'], []],
  [
    ['template', ''],
    ['build', 'ls', 'prune', 'rm'],
  ],
  [['template', 'b'], ['build']],
  [['template', 'ls', '--form'], ['--format']],
  [
    ['template', 'ls', '--format', ''],
    ['json', 'text'],
  ],
  [['template', 'build', '--rebuild', '--progress', '=', 'p'], ['plain']],
  [['template', 'build', '--format', 'ls', '--reb'], ['--rebuild']],
  [['template', 'ls', '--reb'], []],
  [['template', 'rm', 'abc', '--form'], []],
  [['template', 'nonsense', '--f'], []],
  [['ls', ''], []],
  [
    ['rm', ''],
    ['web', 'work'],
  ],
  [['rm', 'web', 'wo'], ['work']],
  [['exec', 'we'], ['web']],
  [['exec', 'web', 'w'], []],
  [['stop', '-t', '5', 'we'], ['web']],
  [['pod', 'rm', 'web', 'g'], ['group']],
  [['run', '--pod', ''], ['group']],
  [['run', '--no-'], ['--no-template']],
];
for (const [typed, expected] of cases) {
  test(`bash: virtc ${typed.join(' ')}⇥`, () => assert.deepEqual(complete(...typed), expected));
}

test('hidden flags are not offered', () => {
  const offered = complete('run', '--');
  assert.ok(offered.includes('--tty'));
  assert.ok(!offered.includes('--no-tty') && !offered.includes('--template'));
});

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  test(`the script of ${shell} has every verb, flag and word`, () => {
    const script = scripts[shell](tree);
    for (const { name, flags } of tree.verbs.flatMap((verb) => [verb, ...verb.verbs])) {
      assert.ok(script.includes(name));
      for (const { names, values } of flags) {
        for (const flag of names) {
          const asWritten =
            shell === 'fish' ? flag.replace(/^--/, '-l ').replace(/^-(?=\w$)/, '-s ') : flag;
          assert.ok(script.includes(asWritten), asWritten);
        }
        if (values?.kind === 'words') assert.ok(script.includes(values.words.join(' ')));
      }
    }
  });
  const { status } = spawnSync('sh', ['-c', `command -v ${shell}`]);
  // bash is always there; the others are not part of the setup.
  if (shell === 'bash' || status === 0) {
    test(`${shell} can read its script`, () => {
      const file = path.join(folder, shell);
      writeFileSync(file, scripts[shell](tree));
      const { stderr, status: code } = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
      assert.deepEqual([code, stderr], [0, '']);
    });
  }
}
