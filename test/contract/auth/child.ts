import type { AuthConfig } from '../../../src/config/types.js';
import { createCredential } from '../../../src/kusto/auth.azure.js';
import { KfError } from '../../../src/runtime/errors.js';
import { systemClock } from '../../../src/runtime/system-clock.js';

/** Gets a token as the app would, in a process of its own whose environment the test chose; prints what came. */
const auth = JSON.parse(process.argv[2] ?? '') as AuthConfig;
const loginEndpoint = process.argv[3];
try {
  const credential = createCredential({
    auth,
    clock: systemClock,
    ...(loginEndpoint ? { loginEndpoint } : {}),
  });
  const scope = 'https://kusto.kusto.windows.net/.default';
  const tokens = await Promise.all(Array.from({ length: 5 }, () => credential?.getToken(scope)));
  const again = await credential?.getToken(scope);
  console.log(
    JSON.stringify({ tokens: [...new Set([...tokens, again].map((token) => token?.token ?? null))] }),
  );
} catch (error) {
  console.log(
    JSON.stringify({ error: error instanceof KfError ? error.code : String(error), message: String(error) }),
  );
}
