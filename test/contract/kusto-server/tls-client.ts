import { Client, KustoConnectionStringBuilder } from 'azure-kusto-data';

/** Run by a test with the server's certificate trusted: creates a table, fills it and prints its name and count. */
const [, , url = ''] = process.argv;
const client = new Client(new KustoConnectionStringBuilder(url));
const created = await client.executeMgmt('Samples', '.create table T (x: long)');
await client.executeMgmt('Samples', '.append T <| range x from 1 to 3 step 1');
const counted = await client.executeQuery('Samples', 'T | count');
const value = (result: typeof created) => result.primaryResults[0]?.rows().next().value?.getValueAt(0);
process.stdout.write(`${value(created)} ${value(counted)}\n`);
client.close();
