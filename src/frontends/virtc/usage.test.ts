// Tests of what the command line takes and refuses, by its parser alone: no verb is run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from 'commander';
import { VirtcontainersError } from '../../base/errors.js';
import { withPlainBooleans } from './boolean-flags.js';
import { dockerHint } from './docker-flags.js';
import { dockerVerbHint } from './docker-verbs.js';
import { createProgram } from './program.js';
import { toUsageError, verbOf } from './usage-errors.js';

/** Every verb with the words that call it, those of other verbs among them. */
function allVerbs(program: Command, before: readonly string[] = []) {
  return program.commands.flatMap((verb): { verb: Command; path: readonly string[] }[] => {
    const path = [...before, verb.name()];
    return [{ verb, path }, ...allVerbs(verb, path)];
  });
}

/** The words and flags that a verb would get. @throws what is told instead */
async function parse(argv: readonly string[]) {
  const program = createProgram(() => {});
  program.configureOutput({ writeOut: () => {}, writeErr: () => {} });
  let got: { readonly words: unknown; readonly flags: Record<string, unknown> } | undefined;
  for (const { verb } of allVerbs(program)) {
    // One that has only verbs of its own does nothing.
    if (verb.commands.length > 0) continue;
    verb.action((...args: unknown[]) => {
      got = { words: args[0], flags: verb.optsWithGlobals() };
    });
  }
  try {
    await program.parseAsync(withPlainBooleans(argv, program), { from: 'user' });
  } catch (error) {
    const failure = toUsageError(error, verbOf(argv, program));
    if (failure !== null) throw failure;
  }
  return got;
}

const booleans: readonly [string, Readonly<Record<string, unknown>>, readonly string[]][] = [
  ['-t', { tty: true }, []],
  ['--tty=true', { tty: true }, []],
  ['--tty=1', { tty: true }, []],
  ['--tty=false', { tty: false }, []],
  ['--tty=F -t', { tty: true }, []],
  ['-t --tty=0', { tty: false }, []],
  ['-it=false', { interactive: true, tty: false }, []],
  ['-ti=T', { interactive: true, tty: true }, []],
  ['--read-only=False', { readOnly: false }, []],
  ['--rm=true', { rm: true }, []],
  ['-e tty=false', { env: ['tty=false'] }, []],
  ['-e=x', { env: ['=x'] }, []],
  ['--env --tty=false', { env: ['--tty=false'] }, []],
  ['-ie --tty=false', { interactive: true, env: ['--tty=false'] }, []],
  ['-m1g --tty=false', { memory: '1g', tty: false }, []],
  ['--memory=1g --tty=false', { memory: '1g', tty: false }, []],
  ['--trace --tty=false', { trace: true, tty: false }, []],
  ['--trace x.json --tty=false', { trace: 'x.json', tty: false }, []],
  ['--trace -- --tty=false', { trace: true }, ['--tty=false']],
  ['sh --tty=false', {}, ['sh', '--tty=false']],
  ['-t -- --tty=false', { tty: true }, ['--tty=false']],
  ['-t -- run --tty=false', { tty: true }, ['run', '--tty=false']],
  ['-- -', {}, ['-']],
  ['--no-template', { template: false }, []],
  ['--no-template=true', { template: false }, []],
  ['--no-template=0', { template: true }, []],
  ['--template=false', { template: false }, []],
  ['--no-template --template', { template: true }, []],
];
for (const [line, flags, words] of booleans) {
  test(`virtc run ${line}`, async () => {
    assert.deepEqual(await parse(['run', ...line.split(' ')]), { words, flags });
  });
}

test("the program's own flags come before the verb", async () => {
  const got = await parse(['--config', 'run', 'run', '--tty=false', 'x']);
  assert.deepEqual(got, { words: ['x'], flags: { config: 'run', tty: false } });
  const glued = await parse(['--config=', 'gc', '--format=json']);
  assert.deepEqual(glued?.flags, { config: '', format: 'json' });
});

const inner: readonly [string, Readonly<Record<string, unknown>>, unknown][] = [
  ['ls', {}, undefined],
  ['ls -q --no-trunc --format json', { quiet: true, trunc: false, format: 'json' }, undefined],
  ['ls --quiet=false --no-trunc=false', { quiet: false, trunc: true }, undefined],
  ['build --rebuild=1 --progress plain', { rebuild: true, progress: 'plain' }, undefined],
  ['rm abc def --format json', { format: 'json' }, ['abc', 'def']],
  ['prune -af --unused-for 1h', { all: true, force: true, unusedFor: '1h' }, undefined],
];
for (const [line, flags, words] of inner) {
  test(`virtc template ${line}`, async () => {
    const got = await parse(['template', ...line.split(' ')]);
    assert.deepEqual(got?.flags, flags);
    if (words !== undefined) assert.deepEqual(got?.words, words);
  });
}

const refusals: readonly [string, string, string | undefined][] = [
  ['run --tty=maybe x', 'cannot use --tty "maybe": it must be true or false', undefined],
  ['run --tty= x', 'cannot use --tty "": it must be true or false', undefined],
  ['doctor --fix=2', 'cannot use --fix "2": it must be true or false', undefined],
  ['run --memery 1g x', "unknown option '--memery'", 'did you mean --memory?'],
  ['run --nothing-like-it', "unknown option '--nothing-like-it'", 'virtc help run lists them'],
  ['doctor -d', "unknown option '-d'", 'virtc help doctor lists them'],
  ['run -itp 80:80 x', "unknown option '-p'", dockerHint('--publish')],
  ['run -itp8080:80 x', "unknown option '-p8080:80'", dockerHint('--publish')],
  ['run --restart=always x', "unknown option '--restart=always'", dockerHint('--restart')],
  ['run --memory', "option '-m, --memory <size>' argument missing", undefined],
  ['runn', "unknown command 'runn'", 'did you mean run?'],
  ['restart', "unknown command 'restart'", dockerVerbHint('restart')],
  ['prune', "unknown command 'prune'", dockerVerbHint('prune')],
  ['frobnicate', "unknown command 'frobnicate'", 'virtc help lists them'],
  ['--debug run x', "unknown option '--debug'", 'write it after run'],
  ['run --config=/x y', "unknown option '--config=/x'", 'write it before run'],
  ['run -h', "option '-h, --hostname <name>' argument missing", 'virtc help run shows the help'],
  ['completion', "missing required argument 'shell'", undefined],
  ['template rm', "missing required argument 'id'", undefined],
  ['template list', "unknown command 'list'", 'did you mean ls?'],
  ['template inspect', "unknown command 'inspect'", 'virtc help template lists them'],
  ['template ls --nope', "unknown option '--nope'", 'virtc help template ls lists them'],
  ['template --quiet ls', "unknown option '--quiet'", 'write it after template ls'],
  ['template ls --config x', "unknown option '--config'", 'write it before template'],
  ['template ls x', "too many arguments for 'ls'. Expected 0 arguments but got 1.", undefined],
];
for (const [line, message, hint] of refusals) {
  test(`refused: virtc ${line}`, async () => {
    await assert.rejects(parse(line.split(' ')), (error) => {
      assert.ok(error instanceof VirtcontainersError);
      assert.deepEqual([error.message, error.hint], [message, hint]);
      return true;
    });
  });
}

test("every flag of docker's that is asked for often has a hint of its own", () => {
  const asked = '--publish -p --mount --restart --privileged --pull --device --net';
  for (const flag of asked.split(' ')) assert.match(dockerHint(flag) ?? '', /\w{3}/, flag);
  assert.equal(dockerHint('--constructor'), undefined);
  assert.equal(dockerHint('-z'), undefined);
});

test('the verbs of docker that are typed most have a hint of their own, those that are here none', () => {
  const typed = 'ls restart images pull build prune volume network info';
  for (const verb of typed.split(' ')) assert.match(dockerVerbHint(verb) ?? '', /\w{3}/, verb);
  for (const verb of createProgram(() => {}).commands) {
    assert.equal(dockerVerbHint(verb.name()), undefined, verb.name());
  }
  assert.equal(dockerVerbHint('constructor'), undefined);
});

test('no flag that is there has a hint of how to do without it', () => {
  for (const verb of createProgram(() => {}).commands) {
    for (const { short, long } of verb.options) {
      for (const name of [short, long]) {
        if (verb.name() === 'run' && name) assert.equal(dockerHint(name), undefined, name);
      }
    }
  }
});

test('every verb has examples before all else in its help', async () => {
  for (const { path, verb } of allVerbs(createProgram(() => {}))) {
    const program = createProgram(() => {});
    let help = '';
    program.configureOutput({ writeOut: (text) => (help += text) });
    for (const one of allVerbs(program)) one.verb.copyInheritedSettings(program);
    await assert.rejects(program.parseAsync([...path, '--help'], { from: 'user' }));
    assert.ok(help.startsWith(`Examples:\n  `), help);
    const examples = help.slice(0, help.indexOf('Usage:')).trim().split('\n').slice(1);
    const call = `virtc ${path.join(' ')}`;
    for (const example of examples) assert.ok(example.includes(call), example);
    const shown = verb.options.filter(({ hidden }) => !hidden).map(({ long }) => long);
    for (const flag of help.match(/^ +--no-[\w-]+/gm) ?? []) assert.ok(shown.includes(flag.trim()));
    assert.ok(!help.includes('--no-tty'), 'hidden flags are not shown');
  }
});

test('what the examples of a run say can be parsed', async () => {
  const line =
    '--rootfs /srv/debian --read-only --tmpfs /tmp --cap-drop ALL --timeout 30s -- ./job';
  assert.deepEqual(await parse(['run', ...line.split(' ')]), {
    words: ['./job'],
    flags: {
      rootfs: '/srv/debian',
      readOnly: true,
      tmpfs: ['/tmp'],
      capDrop: ['ALL'],
      timeout: '30s',
    },
  });
});
