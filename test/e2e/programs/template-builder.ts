// Makes a template anew, also where there is one; prints its steps and `built` at the end. Arguments: run root, lib root.
import { createRuntime } from '../../../src/index.js';

const [runRoot = '', libRoot = ''] = process.argv.slice(2);
const { templates } = createRuntime({ runRoot, libRoot });
await templates.build({
  rebuild: true,
  onProgress: ({ step, phase }) => console.log(`${step} ${phase}`),
});
console.log('built');
