/** The memory adapter keeps the promises of the ports. */
import { repositoryContract } from '../repository-contract.ts';
import { openMemoryStore } from './memory-store.ts';

repositoryContract('memory', (_, liveness) => Promise.resolve(openMemoryStore(liveness)));
