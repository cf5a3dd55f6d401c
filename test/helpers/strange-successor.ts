/** A program that fails as the successor of a proxy. The first argument selects how it fails. */
import process from 'node:process';

const [how = ''] = process.argv.slice(2);

process.on('message', (message: object) => {
  if ('giveUp' in message) return;
  switch (how) {
    case 'exits':
      process.exit(3);
      break;
    case 'nonsense':
      process.send?.({ hello: 'world' });
      break;
    case 'fails':
      process.send?.({
        failed: { code: 'PROXY_CERT_FAILED', params: { reason: 'it is old', fix: 'Renew it.' }, faults: [] },
      });
      break;
    case 'nonsense after the state':
      process.send?.('state' in message ? { hello: 'world' } : { prepared: true });
      break;
    case 'hangs after the state':
      if (!('state' in message)) process.send?.({ prepared: true });
      break;
    case 'serves late':
      if ('start' in message) process.send?.({ prepared: true });
      if ('kept' in message) process.send?.({ kept: true });
      if ('state' in message) {
        process.stderr.write('it has the state\n');
        setTimeout(() => process.send?.({ ready: { id: 'px_late' } }), 8_000);
      }
      break;
    default:
    // It hangs.
  }
});
