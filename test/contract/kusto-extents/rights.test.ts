import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openWorld, twoTables, type World } from './world.js';

type Roles = Readonly<Record<string, readonly string[]>>;

/** What a principal with these roles is answered: nothing, or the message of the refusal. */
async function refusal(world: World, roles: Roles, csl: string): Promise<string | undefined> {
  const body = JSON.stringify({ token: 't', name: 'aadapp=t', roles });
  await fetch(`${world.server.admin}/principals`, { method: 'POST', body });
  const response = await fetch(`${world.server.url}/v1/rest/mgmt`, {
    method: 'POST',
    headers: { authorization: 'Bearer t' },
    body: JSON.stringify({ db: 'Samples', csl }),
  });
  const text = await response.text();
  if (response.status === 403) {
    return (JSON.parse(text) as { error: { '@message': string } }).error['@message'];
  }
  assert.equal(response.status, 200, text);
  return undefined;
}

const USER = { Samples: ['user'] };
const BOTH = { Samples: ['viewer'], 'Samples.A': ['admin'], 'Samples.B': ['admin'] };
const SOURCE = { Samples: ['viewer'], 'Samples.A': ['admin'] };
const TARGET = { Samples: ['viewer'], 'Samples.B': ['admin'] };
const INGESTOR = { Samples: ['viewer'], 'Samples.B': ['ingestor'] };
const DATABASE = { Samples: ['admin'] };
const MOVE = '.move async extents all from table A to table B';

const CASES: readonly (readonly [csl: string, refused: Roles, role: string, allowed: Roles])[] = [
  ['.create table N (n: long)', { Samples: ['viewer', 'ingestor'] }, "'user' on database 'Samples'", USER],
  ['.set-or-append async N <| A', INGESTOR, "'user' on database 'Samples'", USER],
  [MOVE, SOURCE, "'admin' on table 'B'", BOTH],
  [MOVE, TARGET, "'admin' on table 'A'", BOTH],
  [MOVE, USER, "'admin' on table 'A'", DATABASE],
  ['.move extents to table B <| .show table A extents', TARGET, "'admin' on table 'A'", BOTH],
  [
    '.replace extents in table B <| {.show table B extents}, {.show table A extents}',
    TARGET,
    "'admin' on table 'A'",
    BOTH,
  ],
  ['.drop extents <| .show table B extents', BOTH, "'admin' on database 'Samples'", DATABASE],
  ['.drop extents from B', SOURCE, "'admin' on table 'B'", TARGET],
  [".alter table B extent tags ('x') <| .show table B extents", SOURCE, "'admin' on table 'B'", TARGET],
  [".drop async table B extent tags ('x')", INGESTOR, "'admin' on table 'B'", TARGET],
  ['.drop table B', USER, "'admin' on table 'B'", TARGET],
  ['.append B <| A', USER, "'ingestor' on table 'B'", INGESTOR],
  ['.set-or-append async B <| A', USER, "'ingestor' on table 'B'", INGESTOR],
  ['.set-or-append B with (extend_schema=true) <| A', INGESTOR, "'admin' on table 'B'", TARGET],
  ['.set-or-replace B <| A', INGESTOR, "'admin' on table 'B'", TARGET],
  ['.show table A extents', { 'Samples.A': ['admin'] }, "'user', 'viewer' and 'monitor'", USER],
  [
    '.show tables | count',
    { Samples: ['ingestor'] },
    "'user', 'viewer' and 'monitor'",
    { Samples: ['monitor'] },
  ],
  ['.set N <| A | count', { Samples: ['monitor'] }, "'user' on database", USER],
  [
    '.show tables | join (A | extend x = 1) on $left.TableName == $right.x',
    { Samples: ['monitor'] },
    "'viewer'",
    {},
  ],
];

for (const [csl, refused, role, allowed] of CASES) {
  test(`\`${csl}\` with ${JSON.stringify(refused)} names the role that is missing`, async (t) => {
    const world = await openWorld(t);
    await twoTables(world, 1);
    const message = await refusal(world, refused, csl);
    assert.ok(message?.includes(role), message);
    if (Object.keys(allowed).length > 0) {
      assert.equal(await refusal(world, allowed, csl), undefined);
    }
  });
}

test('who creates a table is its admin, and of no other', async (t) => {
  const world = await openWorld(t);
  await twoTables(world, 1);
  const body = JSON.stringify({ token: 't', roles: { Samples: ['user'], 'Samples.B': ['admin'] } });
  await fetch(`${world.server.admin}/principals`, { method: 'POST', body });
  const status = async (csl: string) => {
    const response = await fetch(`${world.server.url}/v1/rest/mgmt`, {
      method: 'POST',
      headers: { authorization: 'Bearer t' },
      body: JSON.stringify({ db: 'Samples', csl }),
    });
    await response.text();
    return response.status;
  };
  for (const csl of [
    '.create table S (n: long) with (hidden=true)',
    `.alter table S policy merge '{"AllowMerge":false,"AllowRebuild":false}'`,
    '.ingest inline into table S <| 5',
    '.move extents all from table S to table B',
    '.create table S2 based-on A',
    '.drop table S2',
    '.drop table S ifexists',
  ]) {
    assert.equal(await status(csl), 200, csl);
  }
  assert.equal(await status('.move extents all from table B to table A'), 403);
  assert.equal(await status('.drop table A'), 403);
});
