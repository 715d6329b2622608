// `virtc pod`: the verbs of VMs that hold several containers.
import { type Command, Option } from 'commander';
import { accelerators } from '../../../model/defaults.js';
import type { CreatePodFlags } from '../pods/create.js';
import type { PodLsFlags } from '../pods/ls.js';
import type { ExitWith } from '../program.js';
import type { CommonFlags } from '../settings.js';
import { namesVerb } from './containers/names-verb.js';
import { collect, listFormatOption, negatedOptions, withExamples, wordOption } from './options.js';

/** Adds the verb `pod` with its own verbs. */
export function addPod(program: Command, exitWith: ExitWith): void {
  const group = program
    .command('pod')
    .description('make and use VMs that hold several containers')
    .usage('COMMAND')
    .helpCommand(false)
    .addHelpText('after', about);
  addCreate(group, exitWith);
  addList(group, exitWith);
  addWork(group, exitWith);
  withExamples(group, 'virtc pod create web', 'virtc pod ls');
}

const about = `
A container of virtc run and virtc create has a pod of its own of the same name, unless --pod names one.
virtc help pod COMMAND shows the help of one.`;

function addCreate(group: Command, exitWith: ExitWith): void {
  const [template, noTemplate] = negatedOptions(
    '--no-template',
    'boot the VM instead of cloning one that has booted before',
  );
  const verb = group
    .command('create')
    .description('make a pod, and print its name')
    .argument('[name]', 'its name (default: a fresh one)')
    .option('--name <name>', 'its name, too')
    .option('--cpus <number>', 'least processors of the VM; it grows for its containers')
    .option('-m, --memory <size>', 'least memory of the VM, for example 1g')
    .option('--hostname <name>', "host name of its containers (default: the pod's name)")
    .option('-l, --label <name=value>', 'label of the pod (repeatable)', collect)
    .addOption(
      wordOption('--hypervisor <kind>', 'what executes the VM (default auto)', accelerators),
    )
    .addOption(template)
    .addOption(noTemplate)
    .option('--debug', 'print log lines, and all that is known of an error')
    .action(async (name: string | undefined, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CreatePodFlags>();
      const [{ createPod }, { verbContext }] = await Promise.all([
        import('../pods/create.js'),
        import('../containers/context.js'),
      ]);
      exitWith(await createPod(name, flags, { ...verbContext(flags), signals: process }));
    });
  withExamples(verb, 'virtc pod create web', 'virtc pod create -m 2g --cpus 2');
}

function addList(group: Command, exitWith: ExitWith): void {
  const [trunc, noTrunc] = negatedOptions('--no-trunc', 'show whole ids');
  const verb = group
    .command('ls')
    .description('list pods, the newest first')
    .option('-f, --filter <name=value>', 'show only those that match (repeatable)', collect)
    .option('-q, --quiet', 'show ids alone')
    .addOption(trunc)
    .addOption(noTrunc)
    .addOption(listFormatOption())
    .addHelpText(
      'after',
      '\nFilters: id, name, label, status (ready, running, paused, stopped, dead).',
    )
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<PodLsFlags>();
      const [{ listPods }, { listContext }] = await Promise.all([
        import('../pods/ls.js'),
        import('../containers/list-context.js'),
      ]);
      exitWith(await listPods(flags, listContext(flags)));
    });
  withExamples(verb, 'virtc pod ls', 'virtc pod ls -q --filter status=running');
}

/** What is done to each of several pods. */
function addWork(group: Command, exitWith: ExitWith): void {
  const load = () => import('../pods/verbs.js');
  const add = (name: string, description: string): Command =>
    group.command(name).description(description).argument('<pod...>', 'their names');
  const start = add('start', 'start what is ready in pods; a stopped one boots anew');
  namesVerb(start, exitWith, async () => (await load()).startPods);
  const stop = add('stop', 'stop the containers of pods, then their VMs')
    .option('-t, --timeout <seconds>', 'grace of each container, -1 for no end')
    .addOption(new Option('--time <seconds>').hideHelp());
  namesVerb(stop, exitWith, async () => (await load()).stopPods);
  const pause = add('pause', 'have the VMs of pods stand still');
  namesVerb(pause, exitWith, async () => (await load()).pausePods);
  const resume = add('resume', 'let paused pods go on');
  namesVerb(resume, exitWith, async () => (await load()).resumePods);
  const rm = add('rm', 'remove pods with all that is in them').option(
    '-f, --force',
    'also where they run, or their record is damaged',
  );
  namesVerb(rm, exitWith, async () => (await load()).removePods);
  for (const verb of [start, stop, pause, resume])
    withExamples(verb, `virtc pod ${verb.name()} web`);
  withExamples(rm, 'virtc pod rm web', 'virtc pod rm --force $(virtc pod ls -q)');
  addInspect(group, exitWith);
}

function addInspect(group: Command, exitWith: ExitWith): void {
  const verb = group
    .command('inspect')
    .description('show all that is known of pods, as a JSON array')
    .argument('<pod...>', 'their names')
    .option('-f, --format <format>', "json (default), or a template such as '{{.State}}'")
    .action(async (names: readonly string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const [{ inspectPods }, { listContext }] = await Promise.all([
        import('../pods/verbs.js'),
        import('../containers/list-context.js'),
      ]);
      exitWith(await inspectPods(names, flags, listContext(flags)));
    });
  withExamples(verb, 'virtc pod inspect web');
}
