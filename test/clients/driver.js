/*-------------------------------------------------------------------------
 *
 * driver.js
 *		Runs the recipe for node-postgres: for each line "ID MILLISECONDS" of
 *		standard input, a transaction that inserts the ID, within so many
 *		milliseconds.  Answers "ok ID MILLISECONDS" with those that it took,
 *		or "failed ID MILLISECONDS MESSAGE".
 *
 * IDENTIFICATION
 *	  test/clients/driver.js
 *
 *-------------------------------------------------------------------------
 */
'use strict'

const readline = require('readline')
const { transaction } = require('./retry.js')

async function main () {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [id, milliseconds] = line.split(' ')
    const start = Date.now()
    try {
      await transaction(start + Number(milliseconds), (client) => client.query('INSERT INTO done VALUES ($1)', [id]))
      console.log(`ok ${id} ${Date.now() - start}`)
    } catch (error) {
      console.log(`failed ${id} ${Date.now() - start} ${error.message.replace(/\s+/g, ' ')}`)
    }
  }
  process.exit(0)
}

main()
