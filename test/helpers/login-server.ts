import { type StubAnswer, type StubRequest, type StubServer, startStub } from './stub-server.js';

export interface LoginServer {
  readonly tenant: string;
  readonly cert: string;
  readonly key: string;
  /** Answers a request for a token. */
  readonly token: (request: StubRequest) => StubAnswer | Promise<StubAnswer>;
}

/** A login server that identity libraries accept: its metadata, and tokens as the test says. */
export async function startLoginServer({ tenant, cert, key, token }: LoginServer): Promise<StubServer> {
  const server: StubServer = await startStub(
    (request) => {
      const base = `${server.url}/${tenant}`;
      if (request.url.includes('openid-configuration')) {
        return {
          body: {
            issuer: `${base}/v2.0`,
            authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
            token_endpoint: `${base}/oauth2/v2.0/token`,
            jwks_uri: `${base}/keys`,
          },
        };
      }
      return request.method === 'POST' ? token(request) : { status: 404 };
    },
    { cert, key },
  );
  return server;
}
