// Asks Medplum: a JSON list of resources on stdin, a list of what it has against each on stdout.
// Arguments: the folder that node_modules stands in, and the folder of R4's own definitions, a file each.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const [packages, core] = process.argv.slice(2).map((folder) => resolve(folder));
const { indexStructureDefinitionBundle, validateResource } = createRequire(join(packages, 'any.js'))('@medplum/core');

function definitions() {
  const names = readdirSync(core).filter((name) => name.startsWith('StructureDefinition'));
  return names.map((name) => JSON.parse(readFileSync(join(core, name), 'utf8')));
}

function complaints(resource, profile) {
  try {
    validateResource(resource, { profile });
    return [];
  } catch (error) {
    const issues = error.outcome?.issue ?? [{ details: { text: String(error) } }];
    return issues.map((issue) => `${issue.expression?.join(', ') ?? ''}: ${issue.details?.text ?? issue.diagnostics}`);
  }
}

function claims(resource) {
  const list = (value) => (Array.isArray(value) ? value : []);
  const inside = list(resource.entry).map((entry) => entry?.resource);
  return [resource, ...inside].flatMap((each) => list(each?.meta?.profile).map((url) => [each, url]));
}

function told([resource, url]) {
  return profiles.has(url) ? complaints(resource, profiles.get(url)) : [`meta.profile: ${url} is not among the definitions`];
}

const all = definitions();
const profiles = new Map(all.map((each) => [each.url, each]));
indexStructureDefinitionBundle(all.filter((each) => each.derivation !== 'constraint'));
const asked = JSON.parse(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(asked.map((each) => [...new Set([...complaints(each), ...claims(each).flatMap(told)])])));
