/**
 * Loaded into the successor of a proxy before its own code (`node --import`): kills this process or its predecessor
 * exactly when the successor is about to send a message, or tells its predecessor to stop when the message was sent.
 * `FLM_TEST_DIES` is `self:STAGE`, `predecessor:STAGE` or `stop:STAGE`, with the stages `start`, `prepared`, `ready` and
 * `kept`. At `kept` the stop goes instead of the message, which would end the hand-over: a stop after that means the old
 * process alone, and a predecessor that finds both at once reads the message first.
 */
import process from 'node:process';

const [who = '', stage = ''] = (process.env.FLM_TEST_DIES ?? '').split(':');

function die(): void {
  if (who === 'stop') process.kill(process.ppid, 'SIGTERM');
  else process.kill(who === 'self' ? process.pid : process.ppid, 'SIGKILL');
}

if (stage === 'start') die();
const { send } = process;
if (send !== undefined) {
  process.send = ((message: object, ...rest: unknown[]) => {
    const isStage = stage in message;
    const isBefore = who !== 'stop' || stage === 'kept';
    if (isStage && isBefore) die();
    if (isStage && who === 'stop' && isBefore) return true;
    const sent = (send as (...all: unknown[]) => boolean).call(process, message, ...rest);
    if (isStage && !isBefore) die();
    return sent;
  }) as typeof send;
}
