// The fake store passes the suite of the real one: what is tested over it holds for both.
import { testStore } from '../host/store/store.suite.js';
import { FakeDisk, FakeStore } from './fake-store.js';

testStore('FakeStore', async () => {
  const disk = new FakeDisk();
  return { store: new FakeStore(disk), other: new FakeStore(disk), dispose: async () => {} };
});
