/**
 * Loaded into the successor of a proxy before its own code (`node --import`): kills this process or its predecessor
 * exactly when the successor is about to send a message. `FLM_TEST_DIES` is `self:STAGE` or `predecessor:STAGE`, with
 * the stages `start`, `prepared`, `ready` and `kept`.
 */
import process from 'node:process';

const [who = '', stage = ''] = (process.env.FLM_TEST_DIES ?? '').split(':');

function die(): void {
  process.kill(who === 'self' ? process.pid : process.ppid, 'SIGKILL');
}

if (stage === 'start') die();
const { send } = process;
if (send !== undefined) {
  process.send = ((message: object, ...rest: unknown[]) => {
    if (stage in message) die();
    return (send as (...all: unknown[]) => boolean).call(process, message, ...rest);
  }) as typeof send;
}
