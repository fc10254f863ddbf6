// Reads {trino: {name: sql}, hive: {name: sql}} as JSON and prints the errors by name, for the names that have errors.
import { HiveSQL, TrinoSQL } from 'dt-sql-parser'
import { readFileSync } from 'node:fs'

const parsers = { trino: new TrinoSQL(), hive: new HiveSQL() }
const invalid = {}
for (const [grammar, statements] of Object.entries(JSON.parse(readFileSync(0, 'utf8')))) {
  for (const [name, sql] of Object.entries(statements)) {
    const errors = parsers[grammar].validate(sql)
    if (errors.length) invalid[name] = errors.map((error) => `line ${error.startLine}: ${error.message}`)
  }
}
console.log(JSON.stringify(invalid))
