'use strict'

const { Client } = require('pg')
const { setTimeout: sleep } = require('timers/promises')

const e = process.env
const name = ['faas', 'lambda', e.AWS_LAMBDA_FUNCTION_NAME, e.AWS_LAMBDA_FUNCTION_VERSION,
  e.AWS_LAMBDA_LOG_STREAM_NAME.slice(-12)].join(':')
let kept // the connection, from one invocation to the next

// Logs in until the deadline, a time of Date.now().
async function connect (deadline) {
  for (;;) {
    const client = new Client({ application_name: name, connectionTimeoutMillis: Math.max(deadline - Date.now(), 1) })
    // without a listener, a connection that ends at rest ends the process
    client.on('error', (error) => console.error('connection ended:', error.code, error.detail))
    try {
      await client.connect()
      return client
    } catch (error) {
      const hint = /^Retry after (\d+) ms/.exec(error.hint)
      if (!hint && error.code !== '53300') throw error
      const wait = (hint ? Number(hint[1]) : 500) * (1 + Math.random() / 2)
      if (Date.now() + wait >= deadline) throw error
      await sleep(wait)
    }
  }
}

// Begins a transaction on the kept connection or, where that has ended, on a new one.
async function begin (deadline) {
  for (;;) {
    kept ??= await connect(deadline)
    try {
      await kept.query('BEGIN')
      return kept
    } catch (error) {
      kept = undefined // it has ended at rest, and nothing has run
      if (Date.now() >= deadline) throw error
    }
  }
}

// Runs work(client) in a transaction, and commits it.
async function transaction (deadline, work) {
  const client = await begin(deadline)
  try {
    const result = await work(client)
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}

module.exports = { transaction }
