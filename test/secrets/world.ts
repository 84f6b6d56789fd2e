import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AZURITE_KEY } from '../../local/shared/azurite.js';
import { makeLocalCertificate } from '../../local/shared/tls.js';
import { passBatchingTime, setPrincipal } from '../helpers/kusto-admin.js';
import { startLoginServer } from '../helpers/login-server.js';
import { type CountingProxy, startProxy } from '../helpers/proxy.js';
import { type HostReady, kustoCommand, type Part, type Stack, startStack } from '../helpers/stack.js';
import type { StubServer } from '../helpers/stub-server.js';
import { type Door, type Gate, startDoor, startGate } from './gate.js';
import { brokenPipeline, pipelineOf, tables } from './pipelines.js';

/** Long and with the signs that encodings change, as real secrets have. */
const random = (): string => `${randomBytes(24).toString('base64')}+/`;
const jwt = (): string =>
  ['{"alg":"none"}', `{"jti":"${randomBytes(12).toString('hex')}"}`, randomBytes(24)]
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');

/** The secrets that are put into the app, by name. */
export function plantSecrets() {
  return {
    /** What the login server gives the application. */
    applicationToken: jwt(),
    /** An opaque token of the user. */
    accessToken: randomBytes(30).toString('base64url'),
    clientSecret: random().replaceAll('"', ''),
    /** The emulator knows only this key. */
    accountKey: AZURITE_KEY,
    eventHubKey: random(),
    proxyPassword: randomBytes(18).toString('hex'),
    functionKey: randomBytes(24).toString('base64url'),
    /** A signature that the service repeats in its messages. */
    echoedSignature: random(),
  };
}
export type Secrets = ReturnType<typeof plantSecrets>;

export const OPERATOR = 'token-of-the-operator';
const TENANT = '11111111-2222-3333-4444-555555555555';

export interface World {
  readonly stack: Stack & { readonly token: string };
  readonly secrets: Secrets;
  readonly login: StubServer;
  readonly proxy: CountingProxy;
  readonly proxied: string[];
  /** Before the cluster, for the app that ingests over REST and the one that sends messages. */
  readonly gates: { readonly rest: Gate; readonly message: Gate };
  readonly door: Door;
  readonly apps: { readonly rest: Part<HostReady>; readonly message: Part<HostReady> };
  /** Settings of the app of each pipeline file. */
  readonly settings: { readonly rest: Record<string, string>; readonly message: Record<string, string> };
  readonly broken: Part<HostReady>;
  /** While set, the login server refuses. */
  readonly refusal: { on: boolean };
  stop(): Promise<void>;
}

async function startLogin(secrets: Secrets, refusal: { on: boolean }) {
  const certificate = await makeLocalCertificate();
  const login = await startLoginServer({
    tenant: TENANT,
    cert: certificate.certPem,
    key: certificate.keyPem,
    token: ({ body }) => {
      if (refusal.on) {
        const error_description = `AADSTS7000215: Invalid client secret; the request was ${body}`;
        return { status: 401, body: { error: 'invalid_client', error_description } };
      }
      return { body: { token_type: 'Bearer', expires_in: 3600, access_token: secrets.applicationToken } };
    },
  });
  return { login, ca: certificate.certPem };
}

async function startApp(
  stack: Stack,
  app: { readonly name: string; readonly pipeline: string; readonly settings: Record<string, string> },
) {
  const path = join(stack.appDir, `${app.name}.yaml`);
  await writeFile(path, app.pipeline);
  // Timers run once per host id; these are apps of their own.
  const settings = { ...app.settings, PIPELINE_FILE: path, AzureFunctionsWebHost__hostid: app.name };
  Object.assign(stack.settings, settings);
  const host = await stack.startHost();
  return { host, settings: { ...stack.settings } };
}

/** The whole stack at log level debug, with every secret in its place. */
export async function startWorld(): Promise<World> {
  const secrets = plantSecrets();
  const refusal = { on: false };
  const proxied: string[] = [];
  const { login, ca } = await startLogin(secrets, refusal);
  const proxy = await startProxy({
    credentials: `user:${secrets.proxyPassword}`,
    record: (bytes) => proxied.push(bytes.toString('latin1')),
  });
  const stops: (() => Promise<unknown>)[] = [() => login.stop(), () => proxy.stop()];
  try {
    const started = await startStack({ pipeline: 'unused: true', hubs: 'rest:2,message:2', hosts: 0 });
    stops.unshift(() => started.stop());
    const stack = { ...started, token: OPERATOR };
    for (const token of [OPERATOR, secrets.applicationToken, secrets.accessToken]) {
      await setPrincipal(stack, { token, roles: { '*': ['admin'] } });
    }
    await kustoCommand(stack, 'NetDefaultDB', '.create database Secrets volatile');
    for (const text of tables) await kustoCommand(stack, 'Secrets', text);
    const rest = await startGate(stack.kusto.ready.engine);
    const message = await startGate(stack.kusto.ready.engine, (path) => path.includes('/rest/ingestion/'));
    const door = await startDoor(stack.azurite.blobUrl);
    stops.unshift(
      () => rest.stop(),
      () => message.stop(),
      () => door.stop(),
    );
    const batching = setInterval(() => void passBatchingTime(stack).catch(() => undefined), 1_000);
    stops.unshift(async () => clearInterval(batching));
    const caPath = join(stack.appDir, 'ca.pem');
    await writeFile(caPath, ca);
    const blobHost = new URL(stack.azurite.blobUrl).host;
    const hub = (stack.settings['EVENTHUB'] ?? '').replace(
      /SharedAccessKey=[^;]+/,
      `SharedAccessKey=${secrets.eventHubKey}`,
    );
    const common = {
      LOG_LEVEL: 'debug',
      NODE_EXTRA_CA_CERTS: caPath,
      EVENTHUB: hub,
      STAGING: stack.azurite.connectionString.replace(blobHost, `127.0.0.1:${door.port}`),
      CLIENT_SECRET: secrets.clientSecret,
      ACCESS_TOKEN: secrets.accessToken,
      PROXY_URL: proxy.url.replace('//', `//user:${secrets.proxyPassword}@`),
      LOGIN_URL: login.url,
    };
    const first = await startApp(stack, {
      name: 'rest',
      pipeline: pipelineOf('rest'),
      settings: { ...common, KUSTO_CLUSTER: rest.url },
    });
    const second = await startApp(stack, {
      name: 'message',
      pipeline: pipelineOf('message'),
      settings: { ...common, KUSTO_CLUSTER: message.url },
    });
    const third = await startApp(stack, {
      name: 'broken',
      pipeline: brokenPipeline(secrets, hub),
      settings: { ...common, KUSTO_CLUSTER: rest.url },
    });
    return {
      stack,
      secrets,
      login,
      proxy,
      proxied,
      gates: { rest, message },
      door,
      apps: { rest: first.host, message: second.host },
      settings: { rest: first.settings, message: second.settings },
      broken: third.host,
      refusal,
      stop: async () => {
        for (const stop of stops) await stop();
      },
    };
  } catch (error) {
    for (const stop of stops) await stop();
    throw error;
  }
}
