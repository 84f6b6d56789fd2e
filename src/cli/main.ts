#!/usr/bin/env node
import { composeCli } from './compose.js';
import { runCli } from './run.js';

// Whoever reads the output may have enough of it (`… | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await runCli(process.argv.slice(2), composeCli());
