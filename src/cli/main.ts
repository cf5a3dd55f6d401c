// The command line's entry: placeholder until the commands arrive.
import { Command } from 'commander';

const program = new Command('flm').description('One safe front door for your LLM engines.').version('0.1.0');
await program.parseAsync();
