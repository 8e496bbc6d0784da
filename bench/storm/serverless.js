/*-------------------------------------------------------------------------
 *
 * serverless.js
 *		The environments of bench/fleet, once more, as users of
 *		serverless-postgres: the library as published, with its defaults.
 *
 * An environment arrives, invokes some times with pauses between, and freezes:
 * no timer of its runs any more, its socket is not read, its connection stays
 * open.  An invocation is connect(), one query and clean(), as the library's
 * manual says, and is repeated after an error with the pauses of bench/fleet
 * until the time to give up; an invocation that has failed then takes its
 * environment's client with it, as the platform would the whole environment.
 *
 * Nothing in the library is changed.  What it does beyond the query is counted
 * by what it lets its users bring along (plugin and driver), its retries by what
 * it logs.
 *
 * Writes, in the words of bench/fleet, a summary as JSON and a CSV line for
 * every second.
 *
 * IDENTIFICATION
 *	  bench/storm/serverless.js
 *
 *-------------------------------------------------------------------------
 */
'use strict'

const fs = require('fs')
const pg = require('pg')
const ServerlessClient = require('serverless-postgres')
const Postgres = require('serverless-postgres/src/postgres')

const options = {
  environments: '10',
  invocations: '5',
  think: '1000', // ms, on average
  duration: '30000', // ms; no invocation begins later in a life
  'give-up': '10000', // ms
  'backoff-min': '100', // ms
  'backoff-max': '5000', // ms
  repeat: 'yes', // whether the function itself tries again what the library gave up
  'max-connections': '100', // what the library is told about the server
  host: '127.0.0.1',
  port: '5432',
  user: 'postgres',
  database: 'postgres',
  json: '',
  series: ''
}

function parseOptions () {
  for (const argument of process.argv.slice(2)) {
    const match = /^--([a-z-]+)=(.*)$/.exec(argument)
    if (match === null || !(match[1] in options)) {
      console.error(`serverless.js: "${argument}" is not an option`)
      process.exit(2)
    }
    options[match[1]] = match[2]
  }
}

const tally = {
  served: 0,
  retried: 0, // environments in which the library tried again by itself
  retriedServed: 0, // and that were served after that
  ok: 0,
  failed: 0,
  latencies: [],
  faults: new Map(),
  extraQueries: 0,
  attempts: 0,
  crashes: new Map(), // errors that would have ended a process
  seconds: []
}

let begun

const now = () => performance.now()
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const between = (low, high) => low + Math.random() * (high - low)

function count (map, error) {
  const key = `${error.code || 'none'}: ${error.message}`
  map.set(key, (map.get(key) || 0) + 1)
}

function countSecond (what) {
  const second = Math.floor((now() - begun) / 1000)
  while (tally.seconds.length <= second) tally.seconds.push({ ok: 0, failed: 0 })
  tally.seconds[second][what]++
}

/* The library's own plugin, counting. */
class CountingPlugin extends Postgres {}
for (const name of Object.getOwnPropertyNames(Postgres.prototype)) {
  if (name === 'constructor') continue
  CountingPlugin.prototype[name] = function (...parameters) {
    tally.extraQueries++
    return Postgres.prototype[name].apply(this, parameters)
  }
}

/* The driver that it would use anyway, counting. */
class CountingClient extends pg.Client {
  connect (...parameters) {
    tally.attempts++
    return super.connect(...parameters)
  }
}

class Environment {
  constructor () {
    this.retried = false
    this.served = false
    this.client = this.newClient()
  }

  newClient () {
    const client = new ServerlessClient({
      host: options.host,
      port: Number(options.port),
      user: options.user,
      database: options.database,
      maxConnections: Number(options['max-connections']),
      plugin: new CountingPlugin(),
      library: { Client: CountingClient }
    })
    client._logger = (text) => {
      if (/^trying to reconnect|^Retry query/.test(text)) {
        if (!this.retried) tally.retried++
        this.retried = true
      }
    }
    return client
  }

  socket () {
    const inner = this.client._client
    return inner && inner.connection && inner.connection.stream
  }

  /* Its platform has ended it: nothing of it goes on. */
  abandon () {
    const stream = this.socket()
    this.client.connect = async () => { throw new Error('given up') }
    if (stream) stream.destroy()
    this.client = this.newClient()
  }

  async work (deadline) {
    const client = this.client
    let pause = Number(options['backoff-min'])

    for (;;) {
      try {
        await client.connect()
        await client.query('SELECT 1')
        break
      } catch (error) {
        const wait = between(pause / 2, pause)
        pause = Math.min(pause * 2, Number(options['backoff-max']))
        if (options.repeat !== 'yes' || now() + wait >= deadline) throw error
        await sleep(wait)
        if (client !== this.client) throw error
      }
    }
    await client.clean()
  }

  async invoke () {
    const invokedAt = now()
    const patience = Number(options['give-up'])
    let timer
    const expired = new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error('gave up')), patience)
    })
    const work = this.work(invokedAt + patience)
    work.catch(() => {}) // also when nobody waits for it any more

    try {
      await Promise.race([work, expired])
      tally.ok++
      tally.latencies.push(now() - invokedAt)
      countSecond('ok')
      if (!this.served) {
        this.served = true
        tally.served++
        if (this.retried) tally.retriedServed++
      }
    } catch (error) {
      tally.failed++
      count(tally.faults, error)
      countSecond('failed')
      this.abandon()
    } finally {
      clearTimeout(timer)
    }
  }

  freeze () {
    const stream = this.socket()
    if (stream) stream.pause()
  }

  async live () {
    const think = Number(options.think)
    const end = now() + Number(options.duration)

    for (let i = 0; i < Number(options.invocations) && now() < end; i++) {
      if (i > 0) await sleep(between(think / 2, think * 1.5))
      await this.invoke()
    }
    this.freeze()
  }
}

function latencySummary () {
  const sorted = tally.latencies.sort((a, b) => a - b)
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  if (sorted.length === 0) return null
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}

const codes = (map) => [...map].map(([message, number]) => ({ code: message.split(':')[0], count: number, message }))

function summary () {
  const usage = process.cpuUsage()
  const planned = Number(options.environments)
  return {
    completed: true,
    run_ms: now() - begun,
    waves: [{ planned, served: tally.served, never_served: planned - tally.served, unfinished: 0 }],
    invocations: { ok: tally.ok, failed: tally.failed, latency_ms: latencySummary() },
    invocation_faults: codes(tally.faults),
    connects: { attempts: tally.attempts },
    planned_invocations: Number(options.invocations),
    extra_queries: tally.extraQueries,
    retried: tally.retried,
    retried_served: tally.retriedServed,
    crashes: codes(tally.crashes),
    simulator_cpu_seconds: (usage.user + usage.system) / 1e6
  }
}

async function main () {
  // The library throws out of a socket's event what it does not know, which no caller can catch.
  process.on('uncaughtException', (error) => count(tally.crashes, error))
  begun = now()
  const environments = Array.from({ length: Number(options.environments) }, () => new Environment())
  await Promise.all(environments.map((environment) => environment.live()))

  const told = summary()
  if (options.json !== '') fs.writeFileSync(options.json, JSON.stringify(told, null, 2) + '\n')
  if (options.series !== '') {
    fs.writeFileSync(options.series, 'second,invocations_ok,invocations_failed\n' +
      tally.seconds.map((second, i) => `${i + 1},${second.ok},${second.failed}\n`).join(''))
  }
  console.log(`serverless.js: ${told.waves[0].served} of ${told.waves[0].planned} environments served, ` +
    `${told.invocations.ok} invocations ok, ${told.invocations.failed} failed, ` +
    `${(told.extra_queries / Math.max(1, told.invocations.ok)).toFixed(1)} extra queries each, ` +
    `${(told.run_ms / 1000).toFixed(1)} s, ${told.simulator_cpu_seconds.toFixed(1)} s of CPU`)
  for (const fault of told.invocation_faults) console.log(`  failed: ${fault.count} x ${fault.message}`)
  for (const crash of told.crashes) console.log(`  thrown where nobody catches it: ${crash.count} x ${crash.message}`)
}

parseOptions()
// Frozen environments hold open sockets: it would not end by itself.
main().then(() => process.exit(0), (error) => {
  console.error(error)
  process.exit(1)
})
