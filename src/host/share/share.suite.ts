// What every implementation of Share must do; run by the tests of each.
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { PodShare, Share, ShareTree } from './share.js';

/** A VM, as far as a share needs one. */
export interface SuiteVm {
  readonly mountNamespacePid: number | null;
  end(): Promise<void>;
}

export interface ShareSuite {
  readonly name: string;
  readonly share: Share;
  /** Starts what the share's trees are offered to. */
  startVm(trees: readonly ShareTree[]): Promise<SuiteVm>;
}

/** Registers the suite. */
export function shareSuite({ name, share, startVm }: ShareSuite): void {
  describe(name, () => {
    let directory = '';
    let source = '';
    before(() => {
      directory = mkdtempSync(path.join(tmpdir(), 'share-suite-'));
      source = path.join(directory, 'source');
      mkdirSync(source);
      writeFileSync(path.join(source, 'file'), 'content');
    });
    after(() => rmSync(directory, { recursive: true, force: true }));

    async function withShare(use: (pod: PodShare, vm: SuiteVm) => Promise<void>): Promise<void> {
      const runDirectory = mkdtempSync(path.join(directory, 'run-'));
      const planned = share.trees(runDirectory);
      assert.deepEqual(readdirSync(runDirectory), []);
      const pod = await share.create({ podId: 'pod', runDirectory });
      assert.deepEqual(pod.trees, planned);
      const vm = await startVm(pod.trees);
      try {
        pod.attach(vm.mountNamespacePid);
        await use(pod, vm);
      } finally {
        await vm.end();
        await pod.close();
      }
      assert.deepEqual(readdirSync(runDirectory), []);
    }

    test('trees have tags of their own, and exactly one of them is for what may be cached', async () => {
      await withShare(async ({ trees }) => {
        assert.equal(new Set(trees.map(({ tag }) => tag)).size, trees.length);
        for (const tree of trees) assert.ok(existsSync(tree.directory));
      });
    });

    test('a bind says where the guest finds it, and an unbind ends it, twice as well', async () => {
      await withShare(async (pod) => {
        const options = { source, readOnly: true, cached: false };
        const first = await pod.bind(options);
        const second = await pod.bind(options);
        const file = await pod.bind({
          source: path.join(source, 'file'),
          readOnly: false,
          cached: false,
        });
        assert.notEqual(first.path, second.path);
        assert.equal(first.tag, second.tag);
        for (const binding of [first, first, second, file]) await pod.unbind(binding);
        assert.deepEqual(readdirSync(source), ['file']);
        assert.deepEqual(
          pod.trees.flatMap((tree) => readdirSync(tree.directory)),
          [],
        );
      });
    });

    test('a path is never given twice: a guest remembers what it has seen there', async () => {
      await withShare(async (pod) => {
        const paths = new Set<string>();
        for (let round = 0; round < 5; round++) {
          const binding = await pod.bind({ source, readOnly: false, cached: false });
          paths.add(binding.path);
          await pod.unbind(binding);
        }
        assert.equal(paths.size, 5);
      });
    });

    test('what the guest may cache has one path as long as the VM lives, however it is called', async () => {
      await withShare(async (pod) => {
        const link = path.join(directory, 'another name');
        symlinkSync(source, link);
        const options = { source, readOnly: true, cached: true };
        const [first, second] = await Promise.all([pod.bind(options), pod.bind(options)]);
        await pod.unbind(first);
        const third = await pod.bind({ ...options, source: link });
        rmSync(link);
        assert.deepEqual([second, third], [first, first]);
        assert.equal(first.cached, true);
        const inside = await pod.bind({ ...options, source: path.join(source, 'file') });
        const inner = path.join(directory, 'outer', 'inner');
        mkdirSync(inner, { recursive: true });
        assert.equal((await pod.bind({ ...options, source: inner })).cached, true);
        const around = await pod.bind({ ...options, source: path.dirname(inner) });
        for (const { cached, tag } of [inside, around]) {
          assert.equal(cached, false);
          assert.notEqual(tag, first.tag);
        }
      });
    });

    test('what is bound still is taken away with the share, and the source stays', async () => {
      await withShare(async (pod) => {
        await pod.bind({ source, readOnly: false, cached: false });
        await pod.bind({ source: path.join(source, 'file'), readOnly: true, cached: true });
      });
      assert.deepEqual(readdirSync(source), ['file']);
    });

    test('a source that is missing or of the wrong kind is named', async () => {
      const socket = path.join(directory, 'socket');
      const server = createServer().listen(socket);
      try {
        await withShare(async (pod) => {
          const bind = (from: string): Promise<unknown> =>
            pod.bind({ source: from, readOnly: false, cached: false });
          const missing = path.join(source, 'no such file');
          await assert.rejects(bind(missing), {
            code: 'not-found',
            message: `cannot bind ${missing}: it does not exist`,
          });
          await assert.rejects(bind(path.join(source, 'file', 'below')), { code: 'not-found' });
          for (const wrong of ['/dev/null', socket, 'relative', `${source}\0`]) {
            await assert.rejects(bind(wrong), { code: 'invalid-argument' }, wrong);
          }
          assert.deepEqual(
            pod.trees.flatMap((tree) => readdirSync(tree.directory)),
            [],
          );
        });
      } finally {
        server.close();
      }
    });

    test('what may be cached must be read-only', async () => {
      await withShare(async (pod) => {
        await assert.rejects(pod.bind({ source, readOnly: false, cached: true }), {
          code: 'invalid-argument',
        });
      });
    });

    test('nothing is bound before the VM is there', async () => {
      const pod = await share.create({ podId: 'pod', runDirectory: directory });
      await assert.rejects(pod.bind({ source, readOnly: true, cached: true }), {
        code: 'invalid-state',
        message: `cannot bind ${source}: the VM of pod pod is not started`,
      });
      await share.release(pod.handle);
      await share.release(pod.handle);
    });

    test('a share that is there already is not taken over', async () => {
      await withShare(async (pod) => {
        const runDirectory = path.dirname(pod.handle.directory);
        await assert.rejects(share.create({ podId: 'pod', runDirectory }), {
          code: 'already-exists',
        });
        await pod.bind({ source, readOnly: true, cached: true });
      });
    });

    test('unbinding goes on without the VM', async () => {
      await withShare(async (pod, vm) => {
        const binding = await pod.bind({ source, readOnly: true, cached: true });
        await vm.end();
        await pod.unbind(binding);
      });
    });
  });
}
