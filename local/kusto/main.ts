import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FlagValues, portNumber, type RunningService, runService } from '../shared/cli.js';
import { LocalError } from '../shared/errors.js';
import { makeLocalCertificate, writeCertificate } from '../shared/tls.js';
import { notSupported } from './errors.js';
import { startKustoServer } from './server/server.js';
import { openStorage } from './server/storage.js';

const FLAGS = {
  port: { value: 'N', default: '8080', help: 'port of engine and data-management endpoint; 0 takes any free one' },
  'admin-port': { value: 'N', default: '0', help: 'port for faults and principals; 0 takes any free one' },
  'port-storage': {
    value: 'N',
    default: '0',
    help: 'first of three ports (blob, queue, table) that clients are sent to; 0 takes any free ones',
  },
  data: { value: 'DIR', help: 'keep everything here across restarts; in memory without it' },
  tls: { help: 'serve https with a self-signed certificate (its path is `cert` of the ready line)' },
  'no-storage': { help: 'start no Azurite; queued ingestion then needs --storage' },
  storage: {
    value: 'URL',
    help:
      'use this storage: a connection string with the three endpoints, or the blob address of a running Azurite ' +
      'such as http://127.0.0.1:10000/devstoreaccount1',
  },
  databases: {
    value: 'A,B',
    default: 'NetDefaultDB,Samples,Telemetry',
    help: 'databases to create at start; more with `.create database NAME`',
  },
  'login-endpoint': { value: 'URL', help: 'sign-in address that cloud metadata gives to clients' },
};
