import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withTokenCache } from '../../../src/kusto/auth.azure.js';
import { KfError } from '../../../src/runtime/errors.js';
import { createManualClock } from '../../helpers/manual-clock.js';

const HOUR = 3_600_000;

function issuer() {
  const clock = createManualClock();
  const state = { asked: 0, fails: false };
  const credential = withTokenCache(
    {
      getToken: async () => {
        state.asked++;
        if (state.fails) throw Object.assign(new Error('issuer is away'), { statusCode: 503 });
        return { token: `t${state.asked}`, expiresOnTimestamp: clock.now() + HOUR };
      },
    },
    'application',
    clock,
  );
  return { clock, state, credential };
}

test('a token is shared until shortly before its end, then asked for anew', async () => {
  const { clock, state, credential } = issuer();
  await Promise.all(Array.from({ length: 10 }, () => credential.getToken('s')));
  clock.advance(HOUR - 6 * 60_000);
  assert.equal((await credential.getToken('s'))?.token, 't1');
  clock.advance(2 * 60_000);
  assert.equal((await credential.getToken('s'))?.token, 't2');
  assert.equal(state.asked, 2);
  await credential.getToken('other');
  assert.equal(state.asked, 3);
});

test('while the issuer is away the old token serves to its end, and the issuer is not hammered', async () => {
  const { clock, state, credential } = issuer();
  await credential.getToken('s');
  state.fails = true;
  clock.advance(HOUR - 4 * 60_000);
  for (let count = 0; count < 5; count++) assert.equal((await credential.getToken('s'))?.token, 't1');
  assert.equal(state.asked, 2);
  clock.advance(4 * 60_000);
  await assert.rejects(
    async () => credential.getToken('s'),
    (error: unknown) => error instanceof KfError && error.code === 'KUSTO_UNREACHABLE',
  );
});
