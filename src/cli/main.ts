#!/usr/bin/env node
import { composeCli } from './compose.js';
import { runCli } from './run.js';

process.exitCode = await runCli(process.argv.slice(2), composeCli());
